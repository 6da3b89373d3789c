//! Reads `postgres --version`, whose number is followed by the packager's own text.

use std::path::Path;
use std::process::{Command, Stdio};

/// `18.4` of `postgres (PostgreSQL) 18.4 (Debian 18.4-1)`, when the program runs.
pub(super) fn of_program(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| parse(&String::from_utf8_lossy(&output.stdout)))?
}

fn parse(text: &str) -> Option<String> {
    text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit())).map(str::to_owned)
}

/// `18` of `18.4` and of `18beta1`.
pub(super) fn major(version: &str) -> &str {
    let digits = version.bytes().take_while(u8::is_ascii_digit).count();
    &version[..digits]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_packagers_print() {
        assert_eq!(parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15.18"));
        assert_eq!(parse("postgres (PostgreSQL) 18.4\n").as_deref(), Some("18.4"));
        assert_eq!(parse("not found"), None);
    }

    #[test]
    fn major_is_what_pg_version_holds() {
        assert_eq!(major("18.4"), "18");
        assert_eq!(major("19beta2"), "19");
    }
}
