//! Templates as docker's users type them: the part of Go's text/template that is about fields, loops and conditions.
//!
//! `{{.Name}}`, `{{json .}}`, `{{len .X}}`, `{{join .X ", "}}`, `{{index .X 0}}`, `{{lower .X}}`, `{{upper .X}}`, `{{println .X}}`;
//! `{{range .X}}…{{else}}…{{end}}`, also with `$key, $value :=`; `{{if .X}}`, `{{with .X}}`; `|` and parentheses;
//! `{{-` and `-}}`. A field is found whatever its case, so that `.ID` is `Id` here, and `id` there.

mod parse;
mod render;

use parse::Node;
use serde::Serialize;
use std::str::FromStr;

/// A template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(Vec<Node>);

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse::template(text).map(Self).map_err(|error| format!("template: {error}"))
    }
}

impl Template {
    /// What it makes of something.
    ///
    /// # Errors
    /// If what it asks for cannot be done with it, as a loop over a number.
    pub(crate) fn render(&self, value: &impl Serialize) -> anyhow::Result<String> {
        let value = serde_json::to_value(value)?;
        render::all(&self.0, &value).map_err(|error| anyhow::anyhow!("template: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn made(template: &str) -> String {
        let network = json!({
            "Name": "overlay", "Id": "7d86", "Internal": false, "Labels": {"a": "1", "b": "2"}, "Empty": [], "Count": 3,
            "IPAM": {"Config": [{"Subnet": "10.0.0.0/24"}, {"Subnet": "fd00::/64"}]}, "under_score": null,
            "Containers": {"x": {"Name": "nginx_01"}, "y": {"Name": "nginx_02"}}, "Peers": ["p", "q"],
        });
        match template.parse::<Template>() {
            Ok(template) => template.render(&network).unwrap_or_else(|error| error.to_string()),
            Err(error) => error,
        }
    }

    #[test]
    fn the_lines_that_people_type() {
        for (template, expected) in [
            ("{{.Name}}", "overlay"),
            ("{{.ID}}: {{ .name }}", "7d86: overlay"),
            (r"{{.Name}}\t{{.Id}}", "overlay\t7d86"),
            ("{{json .Labels}}", r#"{"a":"1","b":"2"}"#),
            ("{{range .IPAM.Config}}{{.Subnet}} {{end}}", "10.0.0.0/24 fd00::/64 "),
            ("{{(index .IPAM.Config 0).Subnet}}", "10.0.0.0/24"),
            (r#"{{index .Labels "b"}}"#, "2"),
            ("{{range $id, $c := .Containers}}{{$id}}={{$c.Name}};{{end}}", "x=nginx_01;y=nginx_02;"),
            (
                "{{range $k, $v := .Containers}}{{$v.Name}} {{$.Name}},{{end}}",
                "nginx_01 overlay,nginx_02 overlay,",
            ),
            ("{{range .Empty}}x{{else}}none{{end}}", "none"),
            ("{{if .Internal}}in{{else if .Name}}named{{else}}out{{end}}", "named"),
            ("{{with .IPAM}}{{len .Config}}{{end}}", "2"),
            ("{{if and .Name (not .Internal)}}yes{{end}}", "yes"),
            (r#"{{if eq .Name "overlay"}}yes{{end}}"#, "yes"),
            (r#"{{join .Peers ", "}}"#, "p, q"),
            ("{{.Name | upper}} {{.Peers}} {{.Labels}} {{.Count}}", "OVERLAY [p q] map[a:1 b:2] 3"),
            ("a {{- .Name -}} b", "aoverlayb"),
            ("{{.Nothing}} {{.under_score}} {{.UnderScore}}", "<no value> <no value> <no value>"),
            ("{{println .Name}}{{/* nothing */}}", "overlay\n"),
            ("no template", "no template"),
        ] {
            assert_eq!(made(template), expected, "{template}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (template, says) in [
            ("{{.Name", "}}"),
            ("{{range .X}}", "end"),
            ("{{end}}", "end"),
            ("{{colour .Name}}", "colour"),
            ("{{range .Name}}{{end}}", "range"),
            ("{{$x}}", "$x"),
            ("{{(.Name}}", ")"),
            ("{{index .Peers 9}}", "index"),
            (r#"{{join .Name ","}}"#, "join"),
        ] {
            let told = made(template);
            assert!(told.starts_with("template: ") && told.contains(says), "{template}: {told}");
        }
        let deep = format!("{{{{{}.Name{}}}}}", "(".repeat(1000), ")".repeat(1000));
        assert!(made(&deep).contains("deep"));
        let deep = format!("{}{}", "{{with .}}".repeat(1000), "{{end}}".repeat(1000));
        assert!(made(&deep).contains("deep"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"(\{\{|\}\}|-| |\.|\$x|range|end|if|else|with|json|index|join|\(|\)|\||"|:=|,|[A-Za-z0-9]|\PC){0,20}"#) {
            let _ = made(&text);
        }
    }
}
