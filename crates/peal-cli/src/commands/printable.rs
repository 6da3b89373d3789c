//! What strangers wrote, made fit for a terminal and for a line: a published text must not be able to move the cursor, change colours
//! or reverse what is read.

use std::fmt::Write;

/// A text with its control characters and its invisible direction marks escaped as in JSON.
pub(super) fn text(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if c.is_control() || is_direction_mark(c) => write!(line, "\\u{:04x}", u32::from(c)).expect("a String takes all"),
            c => line.push(c),
        }
        line
    })
}

/// JSON text on one line, saying the same. Control characters are allowed within strings from U+007F on, where an escape stands for
/// them; those before it can only be white space between values.
pub(super) fn json(json: &str) -> String {
    text(&json.replace(['\n', '\r', '\t'], " "))
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(text("e\0\u{1b}[31mred\u{9b}2J\u{7f}"), "e\\u0000\\u001b[31mred\\u009b2J\\u007f");
        assert_eq!(text("one\r\n\ttwo"), "one\\r\\n\\ttwo");
        assert_eq!(text("abc\u{202e}fdp.exe"), "abc\\u202efdp.exe");
        assert_eq!(text("grüße 👋"), "grüße 👋");
    }

    #[test]
    fn json_says_the_same_on_one_line() {
        let given = "{\n\t\"a\": \"\u{9b}31m\",\r\n\"b\":1e400}";
        let line = json(given);
        assert_eq!(line, "{  \"a\": \"\\u009b31m\",  \"b\":1e400}");
    }
}
