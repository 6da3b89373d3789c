//! When a key was last used. Edges write it now and then, so it says roughly, and only moves forward.

use peal_core::{AppId, KeyId};

use crate::error::StoreError;
use crate::store::Store;

/// A use of a key, in Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUsed {
    pub key: KeyId,
    pub at_ms: u64,
}

impl Store {
    /// Notes uses of an app's keys. No edge needs to hear of it, so no version is taken.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn keys_used(&self, app: AppId, uses: &[KeyUsed]) -> Result<(), StoreError> {
        let (keys, times): (Vec<&str>, Vec<i64>) =
            uses.iter().map(|used| (used.key.as_str(), i64::try_from(used.at_ms).unwrap_or(i64::MAX))).unzip();
        sqlx::query(
            "update api_key k set last_used_at = used.at \
             from (select key_id, to_timestamp(max(at_ms) / 1000.0) as at \
                   from unnest($2::text[], $3::bigint[]) as given (key_id, at_ms) group by key_id) used \
             where k.app_id = $1 and k.key_id = used.key_id and (k.last_used_at is null or k.last_used_at < used.at)",
        )
        .bind(app.get())
        .bind(&keys)
        .bind(times)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
