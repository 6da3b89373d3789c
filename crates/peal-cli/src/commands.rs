//! The commands that speak to a running edge as a customer's program would.

mod printable;
pub(crate) mod publish;
pub(crate) mod subscribe;
mod target;
pub(crate) mod token;
pub(crate) mod usage;

use peal_client::ClientError;
use peal_core::ChannelName;

use crate::failure::{Failure, Kind};

/// With the exit code that scripts branch on.
fn failure_of(error: &ClientError, url: &str) -> Failure {
    match error {
        ClientError::Unreachable(_) | ClientError::ConnectionLost | ClientError::Silence => {
            Failure::new(Kind::Unreachable, format!("{url}: {error}; is Peal running there?"))
        }
        ClientError::Refused(refusal) => Failure::refused(refusal),
        ClientError::ClosedByServer { .. } => Failure::new(Kind::Refused, error.to_string()),
        ClientError::InvalidUrl(_) | ClientError::NotJson(_) => Failure::usage(error.to_string()),
        ClientError::Unconfirmed
        | ClientError::QueueFull { .. }
        | ClientError::TokenUnavailable(_)
        | ClientError::Closed
        | ClientError::AlreadySubscribed(_)
        | ClientError::UnexpectedAnswer(_) => Failure::failed(error.to_string()),
    }
}

/// For the command line.
fn channel_name(text: &str) -> Result<ChannelName, String> {
    ChannelName::parse(text).map_err(|refusal| refusal.to_string())
}
