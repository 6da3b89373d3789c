//! Reading a request body within its limit.

use std::time::Duration;

use std::pin::{Pin, pin};

use axum::BoxError;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
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
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut whole = pin!(whole(Limited::new(body, bytes_max)));
    let read = match whole.as_mut().now_or_never() {
        // It came with the head, as small ones do: no timer, no list of parts.
        Some(read) => read,
        None => match Box::pin(tokio::time::timeout(WITHIN, whole)).await {
            Ok(read) => read,
            Err(_) => return Err(Refusal::of(ErrorCode::RequestTimeout)),
        },
    };
    match read {
        Ok(body) => Ok(body),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max, bytes_max as u64 + 1)),
        Err(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "The body ended before its announced length.")),
    }
}

/// All of it; the very bytes that arrived, if they arrived in one part.
async fn whole<B: Body<Data = Bytes>>(body: B) -> Result<Bytes, B::Error> {
    let mut body = pin!(body);
    let Some(first) = part(body.as_mut()).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut parts = BytesMut::from(first);
    while let Some(part) = part(body.as_mut()).await? {
        parts.extend_from_slice(&part);
    }
    Ok(parts.freeze())
}

/// The next part; trailers are left out.
async fn part<B: Body<Data = Bytes>>(mut body: Pin<&mut B>) -> Result<Option<Bytes>, B::Error> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn too_large(bytes_max: usize, bytes: u64) -> Refusal {
    Refusal::new(ErrorCode::FrameTooLarge, format!("The body may have {bytes_max} bytes; send less in one request."))
        .with_limit(bytes_max as u64, bytes)
}
