//! Which passwords are taken: long ones that nobody would try first. No rules about digits or symbols, which make passwords worse.

use std::collections::HashSet;
use std::sync::LazyLock;

use peal_core::{ErrorCode, Refusal};

use super::Password;

const CHARS_MIN: usize = 10;
const BYTES_MAX: usize = 1024;
/// With fewer different characters a password is a pattern, like `abababababab`.
const DISTINCT_MIN: usize = 4;
/// What must remain beside the name in the e-mail address.
const BESIDE_NAME_MIN: usize = 6;

/// Common passwords of at least ten characters, in lower case, one a line.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("common.txt").lines().collect());

/// # Errors
/// `weak_password`, with a sentence that says what to do.
pub(crate) fn check(password: &Password, email: &str) -> Result<(), Refusal> {
    let text = password.expose();
    let weak = |sentence: String| Err(Refusal::new(ErrorCode::WeakPassword, sentence));
    let chars = text.chars().count();
    if chars < CHARS_MIN {
        return weak(format!("The password has {chars} characters; use at least {CHARS_MIN}. A few unrelated words are easy to remember."));
    }
    if text.len() > BYTES_MAX {
        return weak(format!("The password is longer than {BYTES_MAX} bytes."));
    }
    let lower = text.to_lowercase();
    if COMMON.contains(lower.trim()) {
        return weak("This password is among the first that others try. Choose one that is yours.".to_owned());
    }
    if lower.chars().collect::<HashSet<_>>().len() < DISTINCT_MIN {
        return weak("The password repeats the same few characters. Use more different ones.".to_owned());
    }
    if contains_identity(&lower, &email.to_lowercase()) {
        return weak("The password is built from your e-mail address. Choose one that cannot be guessed from it.".to_owned());
    }
    Ok(())
}

fn contains_identity(password: &str, email: &str) -> bool {
    let name = email.split('@').next().unwrap_or(email);
    let beside_name = || password.replace(name, "").chars().count();
    password.contains(email) || (name.chars().count() >= 3 && password.contains(name) && beside_name() < BESIDE_NAME_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<(), ErrorCode> {
        check(&Password::new(text), "Ada.Lovelace@example.com").map_err(|refusal| refusal.code)
    }

    #[test]
    fn long_uncommon_passwords_are_taken_whatever_they_are_made_of() {
        let longest = "correct horse ".repeat(73);
        for good in [
            "tulip orbit kettle",
            "пароль для теста",
            "  spaces around  ",
            "0.7316 is a number",
            &longest[..1_000],
            "lovelace has a secret engine",
        ] {
            assert_eq!(verdict(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn short_common_patterned_and_personal_ones_are_not() {
        for bad in [
            "",
            "tulip kett",
            "password123",
            "PassWord123",
            " 1234567890 ",
            "correcthorsebatterystaple",
            "abababababab",
            "ada.lovelace@example.com",
            "my ada.lovelace@example.com!",
            "ada.lovelace1",
            "Ada.Lovelace2024",
        ] {
            let bad = if bad == "tulip kett" { &bad[..9] } else { bad };
            assert_eq!(verdict(bad), Err(ErrorCode::WeakPassword), "{bad}");
        }
        assert_eq!(verdict(&"tulip orbit kettle ".repeat(60)), Err(ErrorCode::WeakPassword), "over 1,024 bytes");
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(verdict("пятьдесять").is_ok(), "ten letters, twenty bytes");
        assert!(verdict("пятьдесят").is_err(), "nine letters, eighteen bytes");
    }

    #[test]
    fn the_list_holds_only_what_the_other_rules_would_let_through() {
        assert!(COMMON.len() > 500, "{}", COMMON.len());
        for common in COMMON.iter() {
            assert!(common.chars().count() >= CHARS_MIN && *common == common.to_lowercase(), "{common}");
        }
    }
}
