//! The pages that errors link to, so that `help_url` leads somewhere on every installation.

use axum::body::Body;
use axum::extract::{Path, State};
use http::{HeaderValue, Response, header};
use peal_core::{ErrorCode, Refusal};

use super::refused;
use crate::node::SharedNode;

const PAGES: [(&str, &str); 3] = [
    ("errors.md", include_str!("../../../../docs/errors.md")),
    ("protocol.md", include_str!("../../../../docs/protocol.md")),
    ("counting.md", include_str!("../../../../docs/counting.md")),
];

/// `GET /docs/{page}`: Markdown, which browsers show as text.
pub(crate) async fn page(State(node): State<SharedNode>, Path(page): Path<String>) -> Response<Body> {
    let Some((_, text)) = PAGES.iter().find(|(name, _)| *name == page) else {
        return refused(&node, &Refusal::of(ErrorCode::NotFound));
    };
    let mut response = Response::new(Body::from(*text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
