//! Event names: one rule for every way to publish.

use std::sync::Arc;

use peal_core::{ErrorCode, Refusal};

/// Characters, not bytes: the official Pusher libraries count so.
pub const LENGTH_MAX: usize = 200;
/// Names that only the server itself may use.
const RESERVED: [&str; 3] = ["pusher:", "pusher_internal:", "peal:"];

/// Any Unicode text of 1 to 200 characters that no reserved prefix begins.
///
/// # Errors
/// `event_name_invalid`.
pub fn validate(name: &str) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::new(ErrorCode::EventNameInvalid, why));
    if name.is_empty() {
        return refuse("The event name is empty; give 1 to 200 characters.".into());
    }
    // A character has at most four bytes, so most names need not be counted.
    if name.len() > LENGTH_MAX {
        let count = name.chars().count();
        if count > LENGTH_MAX {
            return refuse(format!("The event name has {count} characters; at most {LENGTH_MAX} are allowed."));
        }
    }
    match RESERVED.iter().find(|prefix| name.starts_with(**prefix)) {
        Some(prefix) => refuse(format!("Event names that begin with {prefix} are reserved; choose another name.")),
        None => Ok(()),
    }
}

/// As [`validate`], giving the shared text.
///
/// # Errors
/// `event_name_invalid`.
pub fn parse(name: &str) -> Result<Arc<str>, Refusal> {
    validate(name).map(|()| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_reserved_prefixes_refused() {
        for good in ["message", "App\\Events\\Said", ".custom", "client-typing", "pusher", "é", &"é".repeat(200)] {
            assert_eq!(validate(good), Ok(()), "{good}");
        }
        for bad in ["", "pusher:ping", "pusher_internal:x", "peal:x", &"é".repeat(201), &"a".repeat(201)] {
            assert_eq!(validate(bad).map_err(|refusal| refusal.code), Err(ErrorCode::EventNameInvalid), "{bad}");
        }
    }
}
