//! The rules of an app, as one ordered list that is replaced whole: an order with holes or twins cannot be written.

use peal_core::capability::Pattern;
use peal_core::{AppId, OrgId, Rule, Rules};
use serde_json::json;
use sqlx::types::Json;

use crate::app::app_lock_in_txn;
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app.
    pub async fn rules_replace(&self, org: OrgId, app: AppId, rules: &Rules, actor: &Actor) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        sqlx::query("delete from rule where app_id = $1").bind(app.get()).execute(&mut *txn).await?;
        let patterns: Vec<&str> = rules.ordered.iter().map(|rule| rule.pattern.as_str()).collect();
        let settings: Vec<_> = rules.ordered.iter().map(|rule| Json(&rule.settings)).collect();
        sqlx::query(
            "insert into rule (app_id, ordinal, pattern, settings) \
             select $1, ordinal - 1, pattern, settings \
             from unnest($2::text[], $3::jsonb[]) with ordinality as given (pattern, settings, ordinal)",
        )
        .bind(app.get())
        .bind(&patterns)
        .bind(settings)
        .execute(&mut *txn)
        .await?;
        sqlx::query("update app set default_rule = $3 where org_id = $1 and app_id = $2")
            .bind(org.0)
            .bind(app.get())
            .bind(Json(&rules.default))
            .execute(&mut *txn)
            .await?;
        append_in_txn(&mut txn, org, actor, Change::of_app("rules.replace", app).after(json!({ "patterns": patterns }))).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(())
    }
}

pub(crate) fn rule_of(pattern: &str, settings: peal_core::RuleSettings) -> Result<Rule, StoreError> {
    let pattern = Pattern::new(pattern).map_err(|error| StoreError::malformed("channel pattern", error))?;
    Ok(Rule { pattern, settings })
}
