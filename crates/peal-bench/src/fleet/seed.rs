//! The app that a fleet serves from the beginning: every feature, no limits of a plan.

use std::io;

use peal_store::{Keyring, SeedApp, Store, StoreOptions};

use crate::sign::{APP, KEY, SECRET};

/// The master key of a fleet that keeps nothing: 32 zero bytes.
pub(super) const KEYRING: &str = "local:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[derive(Debug)]
pub(super) struct App {
    pub(super) id: &'static str,
    pub(super) key: &'static str,
    pub(super) secret: &'static str,
}

pub(super) fn seed(database_url: &str) -> io::Result<App> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let keyring = Keyring::from_env(KEYRING).map_err(io::Error::other)?;
    let invalid = |what: &str| io::Error::other(format!("the {what} of the benchmarks is not valid"));
    let app = SeedApp {
        app_id: APP.parse().map_err(|_| invalid("app"))?,
        key_id: KEY.parse().map_err(|_| invalid("key"))?,
        secret: SECRET.into(),
        name: "Local fleet".into(),
    };
    runtime
        .block_on(async {
            let store = Store::connect(database_url, keyring, StoreOptions::default()).await?;
            store.app_seed(&app).await?;
            store.close().await;
            Ok(App { id: APP, key: KEY, secret: SECRET })
        })
        .map_err(|error: peal_store::StoreError| io::Error::other(format!("the app cannot be made: {error}")))
}
