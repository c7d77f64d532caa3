//! What is written may go to a terminal, and names, reasons and answers came from others.

use std::borrow::Cow;

/// The text with everything that a terminal would obey written out, but for ends of lines and colours, which are ours.
pub(crate) fn tame(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut tame = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_obeyed) {
        tame.push_str(&rest[..at]);
        rest = &rest[at..];
        match colour(rest) {
            Some(length) => {
                tame.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            None => {
                let mut letters = rest.chars();
                tame.extend(letters.next().into_iter().flat_map(char::escape_default));
                rest = letters.as_str();
            }
        }
    }
    tame.push_str(rest);
    Cow::Owned(tame)
}

/// The same, where a line is to stay one.
pub(crate) fn one_line(text: &str) -> String {
    tame(text).replace('\n', "\\n")
}

/// Control characters, and those that change the order in which others are shown (Unicode TR 36, bidirectional text).
fn is_obeyed(letter: char) -> bool {
    (letter.is_control() && letter != '\n')
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// How long the sequence is that begins the text, if it changes the colour and nothing else (ECMA-48, SGR).
fn colour(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\x1b[")?;
    let end = numbers.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    numbers[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(tame("a\tb\r\x07"), "a\\tb\\r\\u{7}");
        assert_eq!(
            tame("\x1b]0;title\x07 \x1b[2J \x1b[1;31mred\x1b[0m"),
            "\\u{1b}]0;title\\u{7} \\u{1b}[2J \x1b[1;31mred\x1b[0m"
        );
        assert_eq!(tame("abc\u{202e}fdp.exe"), "abc\\u{202e}fdp.exe");
        assert_eq!(tame("two\nlines, 你好"), "two\nlines, 你好");
        assert_eq!(tame("\x1b[1"), "\\u{1b}[1");
    }

    proptest! {
        #[test]
        fn nothing_else_is_left(text: String) {
            let tame = tame(&text).into_owned();
            let plain = anstream::adapter::strip_str(&tame).to_string();
            prop_assert!(!plain.contains(is_obeyed), "{plain:?}");
        }
    }
}
