//! Reading a request body within its limit.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use peal_core::{ErrorCode, Refusal};

/// # Errors
/// `frame_too_large`, or `invalid_request` when the client stops sending.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Refusal::new(ErrorCode::FrameTooLarge, format!("The body has more than {bytes_max} bytes; send less in one request."))
                .with_limit(bytes_max as u64, bytes_max as u64 + 1))
        }
        Err(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "The body ended before its announced length.")),
    }
}
