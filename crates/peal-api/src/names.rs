//! What people type: names, and ids and origins in forms and paths.

use std::str::FromStr;

use axum::extract::RawPathParams;
use peal_core::{ErrorCode, Refusal};

use crate::origin::Origin;

const NAME_CHARS_MAX: usize = 80;
const ORIGINS_MAX: usize = 20;

/// Trimmed.
///
/// # Errors
/// `invalid_request`.
pub(crate) fn name_checked(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let good = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    good.then(|| name.to_owned())
        .ok_or_else(|| Refusal::new(ErrorCode::InvalidRequest, format!("A name has 1 to {NAME_CHARS_MAX} printable characters.")))
}

/// As browsers write them, each once.
///
/// # Errors
/// `invalid_request`.
pub(crate) fn origins_checked(typed: &[String]) -> Result<Vec<String>, Refusal> {
    let wrong = |why: &str| Refusal::new(ErrorCode::InvalidRequest, why);
    if typed.len() > ORIGINS_MAX {
        return Err(wrong("A key has at most 20 allowed origins."));
    }
    let mut origins = Vec::new();
    for text in typed {
        let origin = Origin::canonical(text).ok_or_else(|| {
            wrong("An allowed origin is a scheme, a host and perhaps a port, such as https://app.example.com; an empty list allows all.")
        })?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// An id in the path. What is no id at all is not found either.
pub(crate) fn path_id<T: FromStr>(path: &RawPathParams, name: &str) -> Result<T, ErrorCode> {
    path.iter().find_map(|(key, value)| if key == name { value.parse().ok() } else { None }).ok_or(ErrorCode::NotFound)
}
