//! Limits of an app.

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
pub(crate) struct PlanBody {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Messages of a month that the price covers; null for no quota.
    #[schema(required)]
    pub(crate) messages_per_month: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Limit)]
pub(crate) struct LimitBody {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// `connections`, `messages/s`, `bytes`, `channels`, `members` or `ms`.
    pub(crate) unit: &'static str,
    /// What holds; null for no limit.
    #[schema(required)]
    pub(crate) value: Option<u64>,
    /// What the plan gives; null for no limit.
    #[schema(required)]
    pub(crate) plan_value: Option<u64>,
    /// The app has set a limit of its own.
    pub(crate) tightened: bool,
    /// What happens when it is reached, in a sentence or two.
    pub(crate) when_reached: &'static str,
    /// The name of the refusal, where there is one.
    #[schema(required)]
    pub(crate) error: Option<&'static str>,
    pub(crate) help_url: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Limits)]
pub(crate) struct LimitsBody {
    pub(crate) plan: PlanBody,
    pub(crate) items: Vec<LimitBody>,
}
