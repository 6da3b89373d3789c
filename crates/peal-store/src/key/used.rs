//! When a key was last used. Edges write it now and then, so it says roughly, and only moves forward.

use peal_core::{AppId, KeyId};
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Notes uses of an app's keys. No edge needs to hear of it, so no version is taken.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn keys_used(&self, app: AppId, uses: &[(KeyId, OffsetDateTime)]) -> Result<(), StoreError> {
        let (keys, times): (Vec<&str>, Vec<OffsetDateTime>) = uses.iter().map(|(key, at)| (key.as_str(), *at)).unzip();
        sqlx::query(
            "update api_key k set last_used_at = used.at \
             from (select key_id, max(at) as at from unnest($2::text[], $3::timestamptz[]) as given (key_id, at) group by key_id) used \
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
