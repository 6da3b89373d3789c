//! The two spellings of a [`Refusal`] in JSON: RFC 9457 for HTTP, and the `error` object of the native protocol (protocol 5). Edge,
//! API and wire formats all use these, so that a code looks the same wherever a customer meets it.

use serde::Serialize;

use crate::error::{Refusal, help_path};
use crate::id::MessageId;

/// `application/problem+json`. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem<'a> {
    /// The same as `help_url`: the page about this code.
    pub r#type: String,
    /// The table's sentence, the same for every occurrence.
    pub title: &'static str,
    pub status: u16,
    pub code: u32,
    pub name: &'static str,
    pub detail: &'a str,
    pub retryable: bool,
    pub help_url: String,
    pub request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<&'a str>,
}

/// The `error` of a native reply or push. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NativeError<'a> {
    pub code: u32,
    pub name: &'static str,
    pub message: &'a str,
    pub retryable: bool,
    pub help_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<&'a str>,
}

impl Refusal {
    /// `help_base` is the origin that serves the documentation, such as `https://peal.example.com`; a trailing slash is ignored.
    #[must_use]
    pub fn problem<'a>(&'a self, request_id: &'a str, help_base: &str) -> Problem<'a> {
        let NativeError { code, name, message, retryable, help_url, limit, current, retry_after, message_id } = self.native(help_base);
        let (title, status) = (self.code.info().text, self.code.info().http_status);
        let r#type = help_url.clone();
        Problem {
            r#type,
            title,
            status,
            code,
            name,
            detail: message,
            retryable,
            help_url,
            request_id,
            limit,
            current,
            retry_after,
            message_id,
        }
    }

    /// As [`Self::problem`], for the native protocol.
    #[must_use]
    pub fn native(&self, help_base: &str) -> NativeError<'_> {
        let info = self.code.info();
        NativeError {
            code: info.code,
            name: info.name,
            message: &self.detail,
            retryable: self.retryable(),
            help_url: format!("{}{}", help_base.trim_end_matches('/'), help_path(self.code)),
            limit: self.limit.map(|reached| reached.limit),
            current: self.limit.map(|reached| reached.current),
            retry_after: self.retry_after_ms,
            message_id: self.message_id.as_ref().map(MessageId::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_refused_limit_says_how_much_and_when_in_both_spellings() {
        let refusal = Refusal::new(ErrorCode::RateLimited, "101 messages this second.").with_limit(100, 101).retry_after(250);
        let help = "https://peal.example/docs/errors.md#rate_limited";
        assert_eq!(
            serde_json::to_value(refusal.problem("req_1", "https://peal.example/")).expect("prints"),
            json!({
                "type": help, "title": ErrorCode::RateLimited.info().text, "status": 429, "code": 42900, "name": "rate_limited",
                "detail": "101 messages this second.", "retryable": true, "help_url": help, "request_id": "req_1",
                "limit": 100, "current": 101, "retry_after": 250,
            })
        );
        assert_eq!(
            serde_json::to_value(refusal.native("https://peal.example")).expect("prints"),
            json!({
                "code": 42900, "name": "rate_limited", "message": "101 messages this second.", "retryable": true, "help_url": help,
                "limit": 100, "current": 101, "retry_after": 250,
            })
        );
    }

    #[test]
    fn what_was_stored_without_confirmation_names_the_message() {
        let refusal = Refusal::of(ErrorCode::StoredNotConfirmed).stored_as("m-1".parse().expect("an id"));
        assert_eq!(serde_json::to_value(refusal.native("")).expect("prints")["message_id"], "m-1");
        let problem = serde_json::to_value(refusal.problem("req_1", "")).expect("prints");
        assert_eq!((&problem["message_id"], &problem["status"]), (&json!("m-1"), &json!(503)));
    }

    #[test]
    fn what_is_not_about_a_limit_does_not_mention_one() {
        let text = serde_json::to_string(&Refusal::of(ErrorCode::NotFound).native("")).expect("prints");
        assert!(!text.contains("limit") && !text.contains("null"), "{text}");
    }
}
