//! The handlers, a module per noun. Each states its permission with its first argument.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod console;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod org;
pub(crate) mod quota;
pub(crate) mod rules;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod usage;
pub(crate) mod usage_breakdown;
pub(crate) mod usage_notes;
