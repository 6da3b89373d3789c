//! The API's description, generated from the handlers. `docs/openapi.json` is its golden copy.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::permission::permitted;
use crate::routes::{
    apps, audit, auth, console, docs, health, keys, limits, org, quota, rules, session, sessions, usage, usage_breakdown, usage_notes,
};
use crate::state::ApiState;

#[derive(OpenApi)]
#[openapi(info(
    title = "Peal control plane",
    version = "1",
    description = "Accounts, apps and keys. Errors are application/problem+json; all lists are pages.",
    license(name = "Apache-2.0")
))]
struct Description;

/// Every route of the control plane, with its description.
pub(crate) fn described_routes() -> OpenApiRouter<ApiState> {
    let v1 = OpenApiRouter::new()
        .routes(permitted!(auth::sign_up))
        .routes(permitted!(auth::sign_in))
        .routes(permitted!(auth::sign_out))
        .routes(permitted!(session::read))
        .routes(permitted!(session::sudo))
        .routes(permitted!(session::password))
        .routes(permitted!(sessions::list, sessions::end_others))
        .routes(permitted!(sessions::end))
        .routes(permitted!(org::update))
        .routes(permitted!(audit::list))
        .routes(permitted!(apps::list, apps::create))
        .routes(permitted!(apps::read, apps::update, apps::delete))
        .routes(permitted!(limits::read))
        .routes(permitted!(keys::list, keys::create))
        .routes(permitted!(keys::update, keys::revoke))
        .routes(permitted!(keys::reveal))
        .routes(permitted!(keys::rotate))
        .routes(permitted!(keys::test))
        .routes(permitted!(rules::read, rules::replace))
        .routes(permitted!(rules::test))
        .routes(permitted!(console::token))
        .routes(permitted!(usage::read))
        .routes(permitted!(usage_breakdown::read))
        .routes(permitted!(usage_notes::read))
        .routes(permitted!(quota::read));
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(permitted!(health::alive))
        .routes(permitted!(health::ready))
        .routes(permitted!(docs::page))
        .nest("/api/v1", v1)
}

/// The OpenAPI 3.1 document, pretty-printed.
///
/// # Panics
/// Never: the document is built from types that print.
#[must_use]
pub fn openapi_json() -> String {
    let mut text = described_routes().into_openapi().to_pretty_json().expect("an OpenAPI document prints as JSON");
    text.push('\n');
    text
}

/// The document as a response that costs a reference count.
#[derive(Clone)]
pub(crate) struct Document(Arc<str>);

impl Document {
    pub(crate) fn new() -> Self {
        Document(openapi_json().into())
    }

    pub(crate) fn response(&self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0.to_string()).into_response()
    }
}
