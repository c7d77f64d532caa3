//! Leaving secrets out of what others will read.

use regex_lite::{Captures, Regex};

/// What stands in place of a secret.
const LEFT_OUT: &str = "[left out]";

/// Finds what looks like a secret. It would rather leave out too much.
pub(super) struct Redactor {
    keys: Regex,
    users: Regex,
    settings: Regex,
}

impl Redactor {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            // Also where a line break is written as \n, within JSON.
            keys: Regex::new(
                r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)",
            )?,
            // scheme://user:password@host
            users: Regex::new(r#"://[^/\s"'@]+@"#)?,
            // What is called a token, as a header, a line of TOML, a field of JSON, or an option.
            settings: Regex::new(concat!(
                r#"(?i)([a-z0-9_.-]*(?:token|passw(?:or)?d|passphrase|secret|credential|authorization|"#,
                r#"api[_-]?key|private[_-]?key|access[_-]?key)[a-z0-9_.-]*)"#,
                r#"("?\s*[:=]\s*)((?:bearer|basic)\s+[^\s",;&}]+|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',;&{}\[\]]+)"#,
            ))?,
        })
    }

    /// The text without them.
    pub(super) fn clean(&self, text: &str) -> String {
        let text = self.keys.replace_all(text, LEFT_OUT);
        let text = self.users.replace_all(&text, format!("://{LEFT_OUT}@").as_str());
        let setting = |found: &Captures<'_>| {
            let [name, between, value] =
                [1, 2, 3].map(|group| found.get(group).map_or("", |part| part.as_str()));
            // Where a secret is kept is none.
            if name.to_ascii_lowercase().ends_with("file") || value == "null" {
                return format!("{name}{between}{value}");
            }
            let quote = value.chars().next().filter(|first| matches!(first, '"' | '\'')).map(String::from);
            let quote = quote.unwrap_or_default();
            format!("{name}{between}{quote}{LEFT_OUT}{quote}")
        };
        self.settings.replace_all(&text, setting).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(text: &str) -> String {
        Redactor::new().unwrap().clean(text)
    }

    #[test]
    fn secrets_are_left_out_however_they_are_written() {
        for text in [
            "cluster-store = \"consul://root:hunter2@192.0.2.1:8500\"",
            "etcd://hunter2@192.0.2.1",
            "token = \"hunter2\"",
            "  \"token\": \"hunter2\",",
            "{\"Authorization\":\"Bearer hunter2\"}",
            "authorization: Bearer hunter2",
            "X-Consul-Token: hunter2",
            "CONSUL_HTTP_TOKEN=hunter2 weft agent",
            "--cluster-store-opt token=hunter2",
            "DB_PASSWORD='hunter2'",
            "password=\"hunter2 with \\\" more\"",
            "com.example.api-key=hunter2",
            "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----",
            "\"-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----\"",
            "-----BEGIN PRIVATE KEY-----\nhunter2",
        ] {
            let clean = clean(text);
            assert!(!clean.contains("hunter2") && clean.contains(LEFT_OUT), "{text} became {clean}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "{\"url\":\"consul://192.0.2.1:8500/weft\",\"since\":\"2026-11-22T12:00:00Z\"}",
            "token-file = \"/etc/weft/token\"",
            "kv.keyfile=/etc/weft/key.pem",
            "weft_store_calls_total{call=\"commit\",result=\"ok\"} 3",
            "weft/v1/ipam/10.0.0.0-24/10.0.0.2",
            "web on network overlay is cut off: address 10.0.0.2 went to host2",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn json_stays_json() {
        let json = r#"{"a":{"token":"x","other":1},"password":null,"labels":{"secret":"a\"b"}}"#;
        let clean: serde_json::Value = serde_json::from_str(&clean(json)).unwrap_or_default();
        assert_eq!(clean["a"]["other"], 1);
        assert_eq!(clean["labels"]["secret"], LEFT_OUT);
    }

    proptest! {
        #[test]
        fn any_text_can_be_cleaned(text in "\\PC{0,80}") {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once, "and there is nothing left to leave out");
        }
    }
}
