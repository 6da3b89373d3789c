//! How much of the month's quota the org has used, and what follows.

use axum::Json;
use axum::extract::State;
use peal_core::quota::{GRACE_PERCENT, STOP_PERCENT, Standing, WhenUsedUp};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::dto::PlanBody;
use crate::permission::{Allowed, QuotaRead};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The month's quota of the organisation: all its apps together.
#[utoipa::path(
    get, path = "/quota", tag = "usage", operation_id = "quota_get",
    responses(
        (status = 200, body = QuotaBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "sign_in_required"),
    )
)]
pub(crate) async fn read(Allowed(member): Allowed<QuotaRead>, State(state): State<ApiState>) -> Result<Json<QuotaBody>, Problem> {
    let (plan, quota) = state.store.quota_read(member.session.org.id).await?;
    let now_s = OffsetDateTime::now_utc().unix_timestamp().max(0) as u64;
    let messages = quota.map(|quota| {
        let standing = quota.standing(now_s);
        QuotaMessagesBody {
            included: quota.included,
            used: quota.used,
            standing: standing.into(),
            when_used_up: match quota.when_used_up {
                WhenUsedUp::Stop => WhenUsedUpBody::Stop,
                WhenUsedUp::GoOn => WhenUsedUpBody::GoOn,
            },
            used_up_at: quota.used_up_at_s.map(time_at),
            grace_ends_at: (standing == Standing::Grace).then(|| time_at(quota.grace_ends_s(now_s))),
            grace_percent: GRACE_PERCENT,
            stop_percent: STOP_PERCENT,
            resets_at: time_at(quota.resets_at_s),
        }
    });
    let help_url = format!("{}/docs/limits.md#the-months-quota", state.public_url.trim_end_matches('/'));
    let plan = PlanBody { id: plan.id, title: plan.title, messages_per_month: plan.messages_per_month };
    Ok(Json(QuotaBody { plan, messages, help_url }))
}

fn time_at(seconds: u64) -> OffsetDateTime {
    i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[derive(Serialize, ToSchema)]
#[schema(as = Quota)]
pub(crate) struct QuotaBody {
    plan: PlanBody,
    /// Null when the plan has no quota.
    #[schema(required)]
    messages: Option<QuotaMessagesBody>,
    help_url: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = QuotaMessages)]
pub(crate) struct QuotaMessagesBody {
    /// Messages of a calendar month (UTC).
    included: u64,
    used: u64,
    standing: StandingBody,
    when_used_up: WhenUsedUpBody,
    /// When everything was used.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    used_up_at: Option<OffsetDateTime>,
    /// In the grace: until when more than `grace_percent` are let through.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    grace_ends_at: Option<OffsetDateTime>,
    /// On a plan that stops: this much is let through in any case.
    grace_percent: u64,
    /// On a plan that stops: from here on publishes are refused whatever the grace.
    stop_percent: u64,
    #[serde(with = "time::serde::rfc3339")]
    resets_at: OffsetDateTime,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = QuotaStanding)]
pub(crate) enum StandingBody {
    Within,
    /// 80 % are used.
    Near,
    /// Everything is used, and publishing will stop.
    Grace,
    /// Everything is used, and publishing goes on.
    Over,
    /// Publishes are refused until the month is over.
    Stopped,
}

impl From<Standing> for StandingBody {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Within => Self::Within,
            Standing::Near => Self::Near,
            Standing::Grace => Self::Grace,
            Standing::Over => Self::Over,
            Standing::Stopped => Self::Stopped,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = QuotaWhenUsedUp)]
pub(crate) enum WhenUsedUpBody {
    Stop,
    GoOn,
}
