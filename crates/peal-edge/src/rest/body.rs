//! Reading a request body within its limit.

use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use peal_core::{ErrorCode, Refusal};

/// A body takes no longer, whoever sends it.
const WITHIN: Duration = Duration::from_secs(10);

/// Refuses a body by its announced length, before the client is told to go on sending it.
///
/// # Errors
/// `frame_too_large`.
pub(crate) fn check_announced(headers: &HeaderMap, bytes_max: usize) -> Result<(), Refusal> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()).and_then(|length| length.parse::<u64>().ok());
    match announced {
        Some(length) if length > bytes_max as u64 => Err(too_large(bytes_max, length)),
        Some(_) | None => Ok(()),
    }
}

/// # Errors
/// `frame_too_large`, `request_timeout`, or `invalid_request` when the client stops sending.
pub(crate) async fn read<B>(body: B, bytes_max: usize) -> Result<Bytes, Refusal>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let Ok(collected) = tokio::time::timeout(WITHIN, Limited::new(body, bytes_max).collect()).await else {
        return Err(Refusal::of(ErrorCode::RequestTimeout));
    };
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max, bytes_max as u64 + 1)),
        Err(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "The body ended before its announced length.")),
    }
}

fn too_large(bytes_max: usize, bytes: u64) -> Refusal {
    Refusal::new(ErrorCode::FrameTooLarge, format!("The body may have {bytes_max} bytes; send less in one request."))
        .with_limit(bytes_max as u64, bytes)
}
