//! The rules of an app, as one ordered list that is replaced whole: an order with holes or twins cannot be written. A version that
//! counts replacements keeps two editors from overwriting each other.

use peal_core::capability::Pattern;
use peal_core::{AppId, OrgId, Rule, RuleSettings, Rules};
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::app::app_lock_in_txn;
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::error::StoreError;
use crate::store::Store;
use crate::stored::settings;

/// The rules as somebody reads them, to hand the version back with their change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedRules {
    pub version: i64,
    pub rules: Rules,
}

impl Store {
    /// The rules as they were written; what the plan has shortened since then is shortened only where it takes effect.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app.
    pub async fn rules_get(&self, org: OrgId, app: AppId) -> Result<VersionedRules, StoreError> {
        let mut txn = self.pool.begin_with("begin isolation level repeatable read read only").await?;
        let rules = rules_get_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(rules)
    }

    /// Puts `new` in the place of the rules whose version it carries. Its rules are held to the app's limits.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app; [`StoreError::VersionConflict`]; [`StoreError::Invalid`].
    pub async fn rules_replace(&self, org: OrgId, app: AppId, new: &VersionedRules, actor: &Actor) -> Result<VersionedRules, StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let limits = self.app_limits_in_txn(&mut txn, org, app).await?.effective();
        let before = rules_get_in_txn(&mut txn, org, app).await?;
        let VersionedRules { version, rules } = new;
        if *version != before.version {
            return Err(StoreError::VersionConflict { expected: *version, found: before.version });
        }
        rules.check(&limits).map_err(StoreError::Invalid)?;
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
        sqlx::query("update app set default_rule = $3, rules_version = rules_version + 1 where org_id = $1 and app_id = $2")
            .bind(org.0)
            .bind(app.get())
            .bind(Json(&rules.default))
            .execute(&mut *txn)
            .await?;
        let change = Change::of_app("rules.replace", app).before(written(&before.rules)).after(written(rules));
        append_in_txn(&mut txn, org, actor, change).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(VersionedRules { version: version + 1, rules: rules.clone() })
    }
}

async fn rules_get_in_txn(conn: &mut PgConnection, org: OrgId, app: AppId) -> Result<VersionedRules, StoreError> {
    let found: Option<(i64, Value)> =
        sqlx::query_as("select rules_version, default_rule from app where org_id = $1 and app_id = $2 and deleted_at is null")
            .bind(org.0)
            .bind(app.get())
            .fetch_optional(&mut *conn)
            .await?;
    let (version, default) = found.ok_or(StoreError::NotFound("app"))?;
    let rows: Vec<(String, Value)> =
        sqlx::query_as("select pattern, settings from rule where app_id = $1 order by ordinal").bind(app.get()).fetch_all(conn).await?;
    let ordered = rows.into_iter().map(|(pattern, stored)| rule_of(&pattern, settings("rule", stored)?)).collect::<Result<_, _>>()?;
    Ok(VersionedRules { version, rules: Rules { ordered, default: settings("default rule", default)? } })
}

/// For the audit log.
fn written(rules: &Rules) -> Value {
    let ordered: Vec<Value> =
        rules.ordered.iter().map(|rule| json!({ "pattern": rule.pattern.as_str(), "settings": rule.settings })).collect();
    json!({ "ordered": ordered, "default": rules.default })
}

pub(crate) fn rule_of(pattern: &str, settings: RuleSettings) -> Result<Rule, StoreError> {
    let pattern = Pattern::new(pattern).map_err(|error| StoreError::malformed("channel pattern", error))?;
    Ok(Rule { pattern, settings })
}
