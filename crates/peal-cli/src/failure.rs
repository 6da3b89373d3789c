//! How a command ends when it does not succeed: a sentence and an exit code. The codes are part of the contract with scripts.

use std::fmt;
use std::process::ExitCode;

use peal_client::ServerError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed,
    Usage,
    Refused,
    Unreachable,
    Interrupted,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Interrupted => "interrupted",
        }
    }

    fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
            Self::Interrupted => 130,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// The server's name for it.
    name: Option<String>,
    retry_after_ms: Option<u64>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), name: None, retry_after_ms: None }
    }

    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(Kind::Failed, text)
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    /// With every cause behind it.
    pub(crate) fn because(doing: &str, error: &dyn std::error::Error) -> Self {
        let mut text = format!("{doing}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self::failed(text)
    }

    /// With the server's row of `docs/errors.md`, which scripts tell refusals apart by.
    pub(crate) fn refused(error: &ServerError) -> Self {
        Self { name: Some(error.name.clone()), retry_after_ms: error.retry_after, ..Self::new(Kind::Refused, error.to_string()) }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.exit_code())
    }

    /// On standard error: one JSON object where the answer would have been JSON, else a sentence.
    pub(crate) fn report(&self, as_json: bool) {
        match self.kind {
            // Whoever interrupted knows.
            Kind::Interrupted => {}
            _ if as_json => eprintln!("{}", self.json()),
            _ => eprintln!("peal: {self}"),
        }
    }

    fn json(&self) -> serde_json::Value {
        let mut error = serde_json::json!({ "kind": self.kind.name(), "message": self.text, "exit_code": self.kind.exit_code() });
        if let Some(name) = &self.name {
            error["name"] = name.as_str().into();
        }
        if let Some(retry_after_ms) = self.retry_after_ms {
            error["retry_after"] = retry_after_ms.into();
        }
        serde_json::json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_as_json_names_what_scripts_branch_on() {
        let refused: ServerError =
            serde_json::from_str(r#"{"code":42900,"name":"rate_limited","message":"Slow down.","retryable":true,"retry_after":1200}"#)
                .unwrap();
        assert_eq!(
            Failure::refused(&refused).json(),
            serde_json::json!({ "error": {
                "kind": "refused", "name": "rate_limited", "message": "rate_limited (42900): Slow down.", "exit_code": 3, "retry_after": 1_200
            } })
        );
        assert_eq!(Failure::usage("no").json(), serde_json::json!({ "error": { "kind": "usage", "message": "no", "exit_code": 2 } }));
    }
}
