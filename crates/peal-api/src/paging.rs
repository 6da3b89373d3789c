//! `?cursor=…&limit=…` of lists that grow.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use peal_core::{ErrorCode, Refusal};
use peal_store::Paging;
use serde::Deserialize;

use crate::problem::Problem;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 100;

#[derive(Deserialize)]
struct Given {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// The page that a request asks for, its cursor read as the id that the list is ordered by.
pub(crate) struct Paged<C>(pub(crate) Paging<C>);

impl<C: FromStr, S: Send + Sync> FromRequestParts<S> for Paged<C> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = |why: &str| Problem::from(Refusal::new(ErrorCode::InvalidRequest, why));
        let range = || wrong("The limit is a number from 1 to 100.");
        let Query(given) = Query::<Given>::from_request_parts(parts, state).await.map_err(|_| range())?;
        let limit = given.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(range());
        }
        let after = given.cursor.map(|cursor| cursor.parse()).transpose();
        let after = after.map_err(|_| wrong("The cursor is not one that this list gave; begin without one."))?;
        Ok(Paged(Paging { after, limit }))
    }
}
