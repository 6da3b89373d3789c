//! The one app of a run: everything allowed, so that what is tested is delivery.

use std::sync::{Arc, LazyLock};

use peal_core::key::KeyKind;
use peal_core::{App, AppId, Capabilities, Directory, Environment, Features, Key, KeyId, Limits, OrgId, RuleSettings, Rules};
use secrecy::SecretString;

/// Unix milliseconds at the beginning of every run.
pub(crate) const BASE_WALL_MS: u64 = 1_800_000_000_000;
pub(crate) const KEY: &str = "simkey";
const SECRET: &str = "simsecret";

pub(crate) fn app_id() -> AppId {
    AppId::new(4_242).expect("an app id")
}

pub(crate) fn secret() -> SecretString {
    SecretString::from(SECRET)
}

pub(crate) fn directory() -> Arc<Directory> {
    static DIRECTORY: LazyLock<Arc<Directory>> = LazyLock::new(|| {
        let key = Key {
            id: KEY.parse().expect("a key id"),
            kind: KeyKind::Standard,
            secret: secret().into(),
            capabilities: Capabilities::all(),
            allowed_origins: Vec::new(),
            expires_at_ms: None,
        };
        let app = App {
            id: app_id(),
            org: OrgId(uuid::Uuid::nil()),
            name: "simulation".into(),
            environment: Environment::Development,
            paused: false,
            features: Features::default(),
            limits: Limits { client_events_per_second: 1_000_000, client_publishes_per_second: None, ..Limits::default() },
            keys: vec![key],
            rules: Rules { ordered: Vec::new(), default: RuleSettings::development() },
            revocations: peal_core::app::Revocations::default(),
        };
        Arc::new(Directory::default().updated(1, vec![app], &[]))
    });
    Arc::clone(&DIRECTORY)
}

/// A token for this client that may do everything, valid for the whole run.
pub(crate) fn token(client: &str) -> String {
    let claims = peal_core::token::Claims {
        sub: Some(client.to_owned()),
        exp: BASE_WALL_MS / 1_000 + 12 * 3_600,
        cap: Some(Capabilities::all()),
        ..Default::default()
    };
    let key: KeyId = KEY.parse().expect("a key id");
    peal_core::token::mint(&key, &secret(), &claims).expect("claims print as JSON")
}
