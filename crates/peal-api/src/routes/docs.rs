//! The pages that errors and limits link to, so that a `help_url` leads somewhere on every installation.

use axum::extract::RawPathParams;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use peal_core::ErrorCode;

use crate::names::path_id;
use crate::permission::{Allowed, Describe};
use crate::problem::{Problem, ProblemBody};

const PAGES: [(&str, &str); 5] = [
    ("errors.md", include_str!("../../../../docs/errors.md")),
    ("protocol.md", include_str!("../../../../docs/protocol.md")),
    ("configuration.md", include_str!("../../../../docs/configuration.md")),
    ("limits.md", include_str!("../../../../docs/limits.md")),
    ("counting.md", include_str!("../../../../docs/counting.md")),
];

/// A page of the documentation, as Markdown.
#[utoipa::path(
    get, path = "/docs/{page}", tag = "docs", operation_id = "docs_page", params(("page" = String, Path, description = "Such as errors.md")),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn page(Allowed(_anyone): Allowed<Describe>, path: RawPathParams) -> Result<Response, Problem> {
    let name: String = path_id(&path, "page")?;
    let (_, text) = PAGES.iter().find(|(known, _)| *known == name).ok_or(ErrorCode::NotFound)?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], *text).into_response())
}
