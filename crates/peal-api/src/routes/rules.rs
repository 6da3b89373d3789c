//! Rules of an app.

use axum::Json;
use axum::extract::State;
use peal_core::{ChannelName, RuleSettings, Rules};

use crate::body::Body;
use crate::dto::{RuleTestBody, RuleTestForm, RulesBody, WinnerBody};
use crate::permission::{Allowed, RulesRead, RulesTest, RulesUpdate};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The app's rules, in order, and the default.
#[utoipa::path(
    get, path = "/apps/{app}/rules", tag = "rules", operation_id = "rules_get", params(("app" = String, Path, description = "App id")),
    responses((status = 200, body = RulesBody), (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"))
)]
pub(crate) async fn read(Allowed(granted): Allowed<RulesRead>, State(state): State<ApiState>) -> Result<Json<RulesBody>, Problem> {
    Ok(Json(state.store.rules_get(granted.member.session.org.id, granted.app.id).await?.into()))
}

/// Replace the rules whose version is handed back.
#[utoipa::path(
    put, path = "/apps/{app}/rules", tag = "rules", operation_id = "rules_replace", params(("app" = String, Path, description = "App id")),
    request_body = RulesBody,
    responses(
        (status = 200, body = RulesBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "version_conflict"),
    )
)]
pub(crate) async fn replace(
    Allowed(granted): Allowed<RulesUpdate>,
    State(state): State<ApiState>,
    Body(body): Body<RulesBody>,
) -> Result<Json<RulesBody>, Problem> {
    let member = &granted.member;
    let saved = state.store.rules_replace(member.session.org.id, granted.app.id, &body.checked()?, &member.actor()).await?;
    Ok(Json(saved.into()))
}

/// Which rule decides about a channel, and what it says. Tries the saved rules, or those that are given.
#[utoipa::path(
    post, path = "/apps/{app}/rules/test", tag = "rules", operation_id = "rules_test", params(("app" = String, Path, description = "App id")),
    request_body = RuleTestForm,
    responses(
        (status = 200, body = RuleTestBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "channel_name_invalid, invalid_request"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn test(
    Allowed(granted): Allowed<RulesTest>,
    State(state): State<ApiState>,
    Body(form): Body<RuleTestForm>,
) -> Result<Json<RuleTestBody>, Problem> {
    let (org, app) = (granted.member.session.org.id, granted.app.id);
    let channel = ChannelName::parse(&form.channel)?;
    let limits = state.store.app_limits(org, app).await?.effective();
    let rules = form.rules(state.store.rules_get(org, app).await?.rules)?.within(&limits);
    Ok(Json(judged(&rules, &channel)))
}

fn judged(rules: &Rules, channel: &ChannelName) -> RuleTestBody {
    let winner = rules.winner(channel);
    let settings = rules.resolve(channel);
    let settings = RuleSettings { history: settings.retention(), ..settings.clone() };
    let rule = winner.map(|at| WinnerBody { number: at + 1, pattern: rules.ordered[at].pattern.as_str().to_owned() });
    let why = match &rule {
        Some(WinnerBody { number, pattern }) => {
            format!("Rule {number}, {pattern}, is the first whose pattern matches {channel}.")
        }
        None if rules.ordered.is_empty() => "There is no rule but the default one.".to_owned(),
        None => format!("No rule's pattern matches {channel}, so the default one holds."),
    };
    RuleTestBody { rule, settings: settings.into(), why }
}
