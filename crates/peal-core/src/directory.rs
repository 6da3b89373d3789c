//! The directory: all apps, as one immutable snapshot that every core shares.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::app::App;
use crate::error::{ErrorCode, Refusal};
use crate::gate::Gate;
use crate::id::{AppId, KeyId};
use crate::key::Key;

/// Its tables hold ids that the server has drawn, so their hash needs no key.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// The configuration version that this snapshot shows.
    pub version: i64,
    /// False while Postgres is away: then an unknown key may merely be new.
    pub fresh: bool,
    apps: FxHashMap<AppId, Arc<App>>,
    keys: FxHashMap<KeyId, AppId>,
    gates: FxHashMap<AppId, Arc<Gate>>,
}

impl Directory {
    /// The next snapshot: `changed` replace what was there under their ids, `removed` are gone.
    #[must_use]
    pub fn updated(&self, version: i64, changed: Vec<App>, removed: &[AppId]) -> Self {
        let mut next = Self { version, fresh: true, apps: self.apps.clone(), keys: self.keys.clone(), gates: self.gates.clone() };
        for id in removed.iter().copied().chain(changed.iter().map(|app| app.id)) {
            if let Some(old) = next.apps.remove(&id) {
                for key in &old.keys {
                    next.keys.remove(&key.id);
                }
            }
        }
        for id in removed {
            next.gates.remove(id);
        }
        for app in changed {
            next.gates.entry(app.id).or_default();
            next.keys.extend(app.keys.iter().map(|key| (key.id.clone(), app.id)));
            next.apps.insert(app.id, Arc::new(app));
        }
        next
    }

    /// The same snapshot, marked stale or fresh.
    #[must_use]
    pub fn with_freshness(&self, fresh: bool) -> Self {
        Self { fresh, ..self.clone() }
    }

    #[must_use]
    pub fn app(&self, id: AppId) -> Option<&Arc<App>> {
        self.apps.get(&id)
    }

    /// The shared limits of an app. All snapshots that follow from one another share them.
    #[must_use]
    pub fn gate(&self, id: AppId) -> Option<&Arc<Gate>> {
        self.gates.get(&id)
    }

    #[must_use]
    pub fn app_by_key(&self, key: &str) -> Option<&Arc<App>> {
        self.keys.get(key).and_then(|app| self.apps.get(app))
    }

    /// The app of a live key, for whoever presents the key id.
    ///
    /// # Errors
    /// `unknown_key`, or `directory_stale` (retryable) while Postgres is away; `app_paused`.
    pub fn resolve_key(&self, key_id: &str, wall_ms: u64) -> Result<(&Arc<App>, &Key), Refusal> {
        let found = self.app_by_key(key_id).and_then(|app| app.key(key_id).map(|key| (app, key)));
        match found {
            Some((app, key)) if key.is_live(wall_ms) => {
                if app.paused {
                    Err(Refusal::of(ErrorCode::AppPaused))
                } else {
                    Ok((app, key))
                }
            }
            None if !self.fresh => Err(Refusal::of(ErrorCode::DirectoryStale)),
            Some(_) | None => Err(Refusal::of(ErrorCode::UnknownKey)),
        }
    }

    pub fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        self.apps.values()
    }
}
