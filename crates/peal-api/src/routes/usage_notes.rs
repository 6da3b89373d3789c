//! What the numbers of an app do not hold: usage that came too late for them, and reports of nodes that are lost.

use axum::Json;
use axum::extract::{FromRequestParts, Query, State};
use http::request::Parts;
use peal_core::{ErrorCode, Refusal};
use peal_store::{GapReason, UsageAdjustment, UsageLoss};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use super::usage::time_of;
use crate::permission::{Allowed, UsageRead};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// What was noticed in this time and is not in the numbers, newest first. Usually empty.
#[utoipa::path(
    get, path = "/apps/{app}/usage/notes", tag = "usage", operation_id = "usage_notes",
    params(
        ("app" = String, Path, description = "App id"),
        ("from" = Option<String>, Query, description = "RFC 3339; 31 days before `to` unless given"),
        ("to" = Option<String>, Query, description = "RFC 3339; now unless given"),
    ),
    responses(
        (status = 200, body = UsageNotesBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn read(
    Allowed(granted): Allowed<UsageRead>,
    State(state): State<ApiState>,
    Within { from, to }: Within,
) -> Result<Json<UsageNotesBody>, Problem> {
    let adjustments = state.store.usage_adjustments(granted.app.id, from, to).await?;
    let losses = state.store.usage_losses(granted.app.id, from, to).await?;
    let mut items: Vec<UsageNoteBody> =
        adjustments.into_iter().map(UsageNoteBody::from).chain(losses.into_iter().map(UsageNoteBody::from)).collect();
    items.sort_by_key(|note| std::cmp::Reverse(note.noticed_at));
    Ok(Json(UsageNotesBody { items }))
}

#[derive(Deserialize)]
struct Given {
    from: Option<String>,
    to: Option<String>,
}

pub(crate) struct Within {
    from: OffsetDateTime,
    to: OffsetDateTime,
}

impl<S: Send + Sync> FromRequestParts<S> for Within {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = |why: &str| Refusal::new(ErrorCode::InvalidRequest, why);
        let Query(given) = Query::<Given>::from_request_parts(parts, state).await.map_err(|_| wrong("The query cannot be read."))?;
        let to = time_of(given.to)?.unwrap_or_else(|| OffsetDateTime::now_utc() + Duration::MINUTE);
        let from = time_of(given.from)?.unwrap_or(to - Duration::days(31));
        if from >= to {
            return Err(wrong("from must be earlier than to.").into());
        }
        Ok(Self { from, to })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsageNotes)]
pub(crate) struct UsageNotesBody {
    items: Vec<UsageNoteBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UsageNoteKind)]
pub(crate) enum NoteKind {
    /// Used, but not in the numbers: it was reported too late, or for a time to come.
    Adjustment,
    /// Reports of a node were lost and may have held usage of this app.
    Loss,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsageNote)]
pub(crate) struct UsageNoteBody {
    kind: NoteKind,
    #[serde(with = "time::serde::rfc3339")]
    noticed_at: OffsetDateTime,
    /// What happened and what it means for the numbers.
    text: String,
    /// Of an adjustment: the day on which it happened.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    day: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<u64>,
}

impl From<UsageAdjustment> for UsageNoteBody {
    fn from(adjustment: UsageAdjustment) -> Self {
        let UsageAdjustment { ts, noticed_at, metric, value } = adjustment;
        let info = metric.info();
        let text = format!(
            "{}: {value} of {} were reported too late, or for a time to come, and are not in the numbers of that day.",
            info.title,
            ts.date()
        );
        Self { kind: NoteKind::Adjustment, noticed_at, text, day: Some(ts), metric: Some(info.name), value: Some(value) }
    }
}

impl From<UsageLoss> for UsageNoteBody {
    fn from(loss: UsageLoss) -> Self {
        let why = match loss.reason {
            GapReason::BehindSpool => "the database was restored to an earlier time",
            GapReason::SpoolDamaged => "a node's file of unsent reports was damaged",
        };
        let text = format!("Some usage may be missing here, because {why}. What is missing is not counted and not billed.");
        Self { kind: NoteKind::Loss, noticed_at: loss.noticed_at, text, day: None, metric: None, value: None }
    }
}
