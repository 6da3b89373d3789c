//! The nodes that report, and what is known to be missing.

use time::OffsetDateTime;
use uuid::Uuid;

use super::unix;
use crate::error::StoreError;
use crate::store::Store;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Postgres is behind what the node has sent and forgotten: it was restored to an earlier time.
    BehindSpool,
    /// The node's spool file could not be read to its end.
    SpoolDamaged,
}

impl GapReason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            GapReason::BehindSpool => "behind_spool",
            GapReason::SpoolDamaged => "spool_damaged",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::BehindSpool, Self::SpoolDamaged]
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| StoreError::malformed("reason of a gap", format!("unknown reason {text:?}")))
    }
}

/// Batches that will never come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageGap {
    pub source: Uuid,
    pub from_seq: i64,
    /// `None` when it is not known how many.
    pub to_seq: Option<i64>,
    pub node: String,
    pub reason: GapReason,
    /// Under which source the node goes on.
    pub new_source: Option<Uuid>,
}

impl Store {
    /// Makes a source known and says that it has reported everything up to a Unix millisecond, with or without a batch.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_source_touch(&self, source: Uuid, node: &str, covers_to_ms: u64) -> Result<(), StoreError> {
        sqlx::query(
            "insert into meter_source (source_id, node_name, covers_to) values ($1, $2, $3) \
             on conflict (source_id) do update set covers_to = greatest(meter_source.covers_to, excluded.covers_to), last_at = now()",
        )
        .bind(source)
        .bind(node)
        .bind(unix(covers_to_ms / 1_000)?)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A source will report nothing more: nobody waits for it.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_source_end(&self, source: Uuid) -> Result<(), StoreError> {
        sqlx::query("update meter_source set ended_at = now() where source_id = $1").bind(source).execute(&self.pool).await?;
        Ok(())
    }

    /// Writes down that batches are missing. Repeating it changes nothing.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_gap_add(&self, gap: &UsageGap) -> Result<(), StoreError> {
        sqlx::query(
            "insert into meter_gap (source_id, from_seq, to_seq, node_name, reason, new_source) values ($1, $2, $3, $4, $5, $6) \
             on conflict (source_id, from_seq) do nothing",
        )
        .bind(gap.source)
        .bind(gap.from_seq)
        .bind(gap.to_seq)
        .bind(&gap.node)
        .bind(gap.reason.as_str())
        .bind(gap.new_source)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// How many gaps were noticed since a time, for the operator.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_gaps_since(&self, since: OffsetDateTime) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select count(*) from meter_gap where noticed_at >= $1").bind(since).fetch_one(&self.pool).await?)
    }
}
