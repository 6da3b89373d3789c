//! The dashboard's files, built into the binary or read from a folder.
//!
//! Paths of pages get `index.html`, whose script shows the page. Anything that asks for a file gets that file or 404: an HTML page
//! in the place of a missing script is the classic way to a blank screen after a deploy. A binary that was built without the
//! dashboard says so on a page of its own.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, VARY};
use http::{HeaderMap, Method, StatusCode};
use peal_core::ErrorCode;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Problem;
use crate::state::ApiState;

const INDEX: &str = "index.html";
const PLACEHOLDER: &str = include_str!("dashboard/placeholder.html");

#[derive(RustEmbed)]
#[folder = "../../dashboard/dist"]
#[allow_missing = true]
struct BuiltIn;

pub(crate) enum Dashboard {
    BuiltIn,
    Folder(PathBuf),
}

impl Dashboard {
    /// A debug build reads the checkout's own build, so that `make dashboard` shows without compiling anything.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        match folder {
            Some(folder) => Dashboard::Folder(folder),
            None if cfg!(debug_assertions) => Dashboard::Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/dist")),
            None => Dashboard::BuiltIn,
        }
    }

    /// `None` when there is no such file. The path has no leading slash.
    async fn file(&self, path: &str) -> Option<EmbeddedFile> {
        if !is_plain(path) {
            return None;
        }
        match self {
            Dashboard::BuiltIn => <BuiltIn as RustEmbed>::get(path),
            Dashboard::Folder(folder) => {
                let full = folder.join(path);
                let read = move || rust_embed::utils::read_file_from_fs(&full).ok();
                tokio::task::spawn_blocking(read).await.ok().flatten()
            }
        }
    }
}

/// Only names below the folder: no `..`, no root, no drive, nothing that a file system could read otherwise.
fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0', '%', ':'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The fallback of the router.
pub(crate) async fn serve(State(state): State<ApiState>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if is_under(path, "api") || ![Method::GET, Method::HEAD].contains(request.method()) {
        return Problem::from(ErrorCode::NotFound).into_response();
    }
    let headers = request.headers();
    if let Some(response) = file_response(&state.dashboard, path, headers).await {
        return response;
    }
    if !is_page(path, headers) {
        return Problem::from(ErrorCode::NotFound).into_response();
    }
    match file_response(&state.dashboard, INDEX, headers).await {
        Some(response) => response,
        None => ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-cache")], PLACEHOLDER).into_response(),
    }
}

fn is_under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A dot may be part of a page's path (`channels/room.42`), so there a browser must say that it wants a page.
fn is_page(path: &str, headers: &HeaderMap) -> bool {
    let wants_html = || headers.get(ACCEPT).is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    let last = path.rsplit('/').next().unwrap_or_default();
    !is_under(path, "assets") && (!last.contains('.') || wants_html())
}

/// The file, in the smallest form that was built and the browser takes.
async fn file_response(dashboard: &Dashboard, path: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = dashboard.file(path).await?;
    let content_type = plain.metadata.mimetype().to_owned();
    let mut encoding = None;
    let mut file = plain;
    for (name, suffix) in [("br", "br"), ("gzip", "gz")] {
        if accepts(headers, name)
            && let Some(packed) = dashboard.file(&format!("{path}.{suffix}")).await
        {
            (file, encoding) = (packed, Some(name));
            break;
        }
    }
    Some(respond(file, &content_type, encoding, cache_control(path), headers))
}

fn respond(file: EmbeddedFile, content_type: &str, encoding: Option<&str>, cache: &str, headers: &HeaderMap) -> Response {
    let hash: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{hash}\"");
    let charset = if content_type.starts_with("text/") && !content_type.contains("charset") { "; charset=utf-8" } else { "" };
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(&etag));
    let mut fields: Vec<(HeaderName, Cow<'_, str>)> =
        vec![(ETAG, etag.into()), (CACHE_CONTROL, cache.into()), (VARY, "accept-encoding".into())];
    if known {
        return (StatusCode::NOT_MODIFIED, as_headers(fields)).into_response();
    }
    fields.push((CONTENT_TYPE, format!("{content_type}{charset}").into()));
    if let Some(encoding) = encoding {
        fields.push((CONTENT_ENCODING, encoding.into()));
    }
    let body = match file.data {
        Cow::Borrowed(built_in) => Body::from(built_in),
        Cow::Owned(read) => Body::from(read),
    };
    (as_headers(fields), body).into_response()
}

fn as_headers(fields: Vec<(HeaderName, Cow<'_, str>)>) -> HeaderMap {
    fields.into_iter().filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect()
}

/// Vite puts a hash of the content into the name of everything under `assets/`.
fn cache_control(path: &str) -> &'static str {
    if is_under(path, "assets") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        parts.next() == Some(encoding) && !parts.any(|weight| weight == "q=0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_the_folder_are_files() {
        for plain in ["index.html", "assets/index-1a2b.js"] {
            assert!(is_plain(plain), "{plain}");
        }
        for odd in ["", "../Cargo.toml", "assets/../../x", "/etc/passwd", "a\\..\\b", "a%2e%2e/b", "C:/x", "./x", "a\0"] {
            assert!(!is_plain(odd), "{odd:?}");
        }
    }

    #[test]
    fn a_weight_of_zero_is_a_refusal() {
        let headers = |value: &'static str| HeaderMap::from_iter([(ACCEPT_ENCODING, http::HeaderValue::from_static(value))]);
        assert!(accepts(&headers("gzip, deflate, br"), "br"));
        assert!(accepts(&headers("br;q=0.5"), "br"));
        assert!(!accepts(&headers("br;q=0, gzip"), "br"));
        assert!(!accepts(&HeaderMap::new(), "br"));
    }
}
