//! The limits of an app: what holds, where it comes from, and what happens when it is reached.

use axum::Json;
use axum::extract::State;
use peal_core::limit::LIMITS;

use crate::dto::{LimitBody, LimitsBody, PlanBody};
use crate::permission::{Allowed, LimitsRead};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The app's limits.
#[utoipa::path(
    get, path = "/apps/{app}/limits", tag = "apps", operation_id = "limits_get", params(("app" = String, Path, description = "App id")),
    responses((status = 200, body = LimitsBody), (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"))
)]
pub(crate) async fn read(Allowed(granted): Allowed<LimitsRead>, State(state): State<ApiState>) -> Result<Json<LimitsBody>, Problem> {
    let limits = state.store.app_limits(granted.member.session.org.id, granted.app.id).await?;
    let effective = limits.effective();
    let docs = format!("{}/docs/limits.md", state.public_url.trim_end_matches('/'));
    let items = LIMITS.iter().map(|info| LimitBody {
        name: info.name,
        title: info.title,
        unit: info.unit.as_str(),
        value: info.get(&effective),
        plan_value: info.get(&limits.plan.limits),
        tightened: limits.own.holds(info.name),
        when_reached: info.when_reached,
        error: info.error.map(|code| code.info().name),
        help_url: format!("{docs}#{}", info.name),
    });
    let items = items.collect();
    let plan = PlanBody { id: limits.plan.id, title: limits.plan.title, messages_per_month: limits.plan.messages_per_month };
    Ok(Json(LimitsBody { plan, items }))
}
