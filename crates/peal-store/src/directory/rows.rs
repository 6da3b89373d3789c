//! Rows become apps: the columns as stored, and how an app is put together from them.

use std::collections::HashMap;
use std::sync::Arc;

use peal_core::app::Revocations;
use peal_core::{App, AppId, Capabilities, Features, Key, KeyKind, OrgId, Plans, Rule, RuleSettings, Rules, Tightening};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::{app_id, environment_parse};
use crate::envelope::{Sealed, SecretKey};
use crate::error::StoreError;
use crate::key::{key_id, secret_open};
use crate::rule::rule_of;
use crate::store::Store;
use crate::stored::settings;
use crate::vault::data_keys;

#[derive(sqlx::FromRow)]
pub(super) struct AppRow {
    org_id: Uuid,
    pub(super) app_id: i64,
    plan: String,
    name: String,
    environment: String,
    paused: bool,
    features: Value,
    limits: Json<Tightening>,
    default_rule: Value,
    pub(super) deleted: bool,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    app_id: i64,
    key_id: String,
    kind: String,
    capabilities: Json<Value>,
    allowed_origins: Vec<String>,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
    expires_at: Option<OffsetDateTime>,
}

#[derive(sqlx::FromRow)]
struct RuleRow {
    app_id: i64,
    pattern: String,
    settings: Value,
}

#[derive(sqlx::FromRow)]
struct RevocationRow {
    app_id: i64,
    kind: String,
    value: String,
    issued_before_s: Option<i64>,
}

/// The rows that belong to apps, by app.
pub(super) struct Parts {
    plans: Arc<Plans>,
    data_keys: HashMap<OrgId, SecretKey>,
    keys: HashMap<i64, Vec<KeyRow>>,
    rules: HashMap<i64, Vec<RuleRow>>,
    revocations: HashMap<i64, Vec<RevocationRow>>,
}

impl Parts {
    pub(super) async fn load(conn: &mut PgConnection, store: &Store, apps: &[AppRow]) -> Result<Self, StoreError> {
        let ids: Vec<i64> = apps.iter().map(|app| app.app_id).collect();
        let mut orgs: Vec<Uuid> = apps.iter().map(|app| app.org_id).collect();
        orgs.sort_unstable();
        orgs.dedup();
        let keys: Vec<KeyRow> = sqlx::query_as(
            "select app_id, key_id, kind, capabilities, allowed_origins, nonce, ciphertext, expires_at from api_key \
             where app_id = any($1) and revoked_at is null and (expires_at is null or expires_at > now()) order by key_id",
        )
        .bind(&ids)
        .fetch_all(&mut *conn)
        .await?;
        let rules: Vec<RuleRow> =
            sqlx::query_as("select app_id, pattern, settings from rule where app_id = any($1) order by app_id, ordinal")
                .bind(&ids)
                .fetch_all(&mut *conn)
                .await?;
        let revocations: Vec<RevocationRow> =
            sqlx::query_as("select app_id, kind, value, issued_before_s from revocation where app_id = any($1) and expires_at > now()")
                .bind(&ids)
                .fetch_all(&mut *conn)
                .await?;
        Ok(Parts {
            plans: store.plans.clone(),
            data_keys: data_keys(conn, &store.keyring, &orgs).await?,
            keys: by_app(keys, |row| row.app_id),
            rules: by_app(rules, |row| row.app_id),
            revocations: by_app(revocations, |row| row.app_id),
        })
    }

    pub(super) fn assemble(&mut self, row: AppRow) -> Result<App, StoreError> {
        let (id, org) = (app_id(row.app_id)?, OrgId(row.org_id));
        let plan = self.plans.get(&row.plan).unwrap_or_else(|| {
            tracing::warn!(%org, plan = row.plan, "the org's plan is not among the plans; it gets the default one");
            self.plans.default_plan()
        });
        let limits = plan.limits.tightened(&row.limits);
        let ordered = self.rules.remove(&row.app_id).unwrap_or_default().into_iter().map(rule).collect::<Result<_, _>>()?;
        Ok(App {
            id,
            org,
            name: row.name,
            environment: environment_parse(&row.environment)?,
            paused: row.paused,
            features: settings::<Features>("features", row.features)?,
            keys: self.keys(id, org),
            rules: Rules { ordered, default: settings::<RuleSettings>("default rule", row.default_rule)? }.within(&limits),
            limits,
            revocations: revocations(self.revocations.remove(&row.app_id).unwrap_or_default())?,
        })
    }

    fn keys(&mut self, app: AppId, org: OrgId) -> Vec<Key> {
        let rows = self.keys.remove(&app.get()).unwrap_or_default();
        let Some(data_key) = self.data_keys.get(&org) else {
            if !rows.is_empty() {
                tracing::error!(%app, "the app's keys cannot be decrypted: its org has no usable data key");
            }
            return Vec::new();
        };
        rows.into_iter()
            .filter_map(|row| {
                let id = row.key_id.clone();
                key(data_key, org, app, row).inspect_err(|error| tracing::error!(%app, key = id, %error, "a key cannot be loaded")).ok()
            })
            .collect()
    }
}

fn by_app<T>(rows: Vec<T>, app: impl Fn(&T) -> i64) -> HashMap<i64, Vec<T>> {
    let mut grouped: HashMap<i64, Vec<T>> = HashMap::new();
    for row in rows {
        grouped.entry(app(&row)).or_default().push(row);
    }
    grouped
}

fn key(data_key: &SecretKey, org: OrgId, app: AppId, row: KeyRow) -> Result<Key, StoreError> {
    let id = key_id(&row.key_id)?;
    let kind = match row.kind.as_str() {
        "standard" => KeyKind::Standard,
        "console" => KeyKind::Console,
        other => return Err(StoreError::malformed("kind of a key", format!("unknown kind {other:?}"))),
    };
    let capabilities: Capabilities =
        serde_json::from_value(row.capabilities.0).map_err(|error| StoreError::malformed("capabilities of a key", error))?;
    let secret = secret_open(data_key, org, app, &id, &Sealed { nonce: row.nonce, ciphertext: row.ciphertext })?.into();
    let expires_at_ms = row.expires_at.map(|at| u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0));
    Ok(Key { id, kind, secret, capabilities, allowed_origins: row.allowed_origins, expires_at_ms })
}

fn rule(row: RuleRow) -> Result<Rule, StoreError> {
    rule_of(&row.pattern, settings::<RuleSettings>("rule", row.settings)?)
}

fn revocations(rows: Vec<RevocationRow>) -> Result<Revocations, StoreError> {
    let mut all = Revocations::default();
    for row in rows {
        let before = row.issued_before_s.map_or(0, |seconds| u64::try_from(seconds).unwrap_or(0));
        match row.kind.as_str() {
            "key" => all.keys.push(key_id(&row.value)?),
            "client" => all.clients.push((row.value, before)),
            "token" => all.token_ids.push(row.value),
            "issued_before" => all.issued_before = all.issued_before.max(Some(before)),
            other => return Err(StoreError::malformed("revocation", format!("unknown kind {other:?}"))),
        }
    }
    Ok(all)
}
