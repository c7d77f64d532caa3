//! As much HTTP as it takes to talk to an agent, and to a store.

use std::io::{self, Read, Write};

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not, or the status is not one of success.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Asks something over a connection, which serves for this one request.
///
/// # Errors
/// When the connection breaks, or the answer is none of HTTP.
pub fn request(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> io::Result<Answer> {
    let body = body.map(ToString::to_string).unwrap_or_default();
    // Version 1.0, which has no chunks: the answer ends where the connection does.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: weft\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {answer:?}")))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = parse("HTTP/1.0 404 Not Found\r\na: b\r\n\r\n{}\r\n\r\n").expect("HTTP");
        assert_eq!((answer.status, answer.body.as_str()), (404, "{}\r\n\r\n"));
        assert!(parse("HTTP/1.0 OK\r\n\r\n").is_none());
        assert!(parse("").is_none());
    }
}
