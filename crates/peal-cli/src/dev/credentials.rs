//! The development app and account: made on the first start, the same ever after, so that what a developer has pasted
//! somewhere goes on working.

use peal_core::{AppId, KeyId};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::data::DataDir;
use crate::failure::Failure;
use crate::settings::SeedCredentials;

const FILE: &str = "credentials.json";
const EMAIL: &str = "dev@peal.example";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) email: String,
    pub(super) password: SecretString,
    /// What the database was given for this password. It tells whether the account needs no work, without hashing again.
    pub(super) password_hash: Option<SecretString>,
}

#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) app: SeedCredentials,
    pub(super) account: Account,
}

/// As it is in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    app_id: String,
    key: String,
    secret: String,
    email: String,
    password: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
}

impl Credentials {
    pub(super) fn load_or_create(data: &DataDir) -> Result<Self, Failure> {
        let path = data.path().join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let fresh = generate();
                fresh.write(data)?;
                return fresh.parsed().ok_or_else(|| Failure::failed("generated credentials are not valid"));
            }
            Err(error) => return Err(Failure::because(&format!("cannot read {}", path.display()), &error)),
        };
        let stored: Option<Stored> = serde_json::from_str(&text).ok();
        stored
            .and_then(Stored::parsed)
            .ok_or_else(|| Failure::failed(format!("{} is damaged; remove it to have new credentials made", path.display())))
    }

    /// Remembers what the database has.
    pub(super) fn save(&self, data: &DataDir) -> Result<(), Failure> {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let stored = Stored {
            app_id: self.app.app_id.to_string(),
            key: self.app.key_id.to_string(),
            secret: text(&self.app.secret),
            email: self.account.email.clone(),
            password: text(&self.account.password),
            password_hash: self.account.password_hash.as_ref().map(text),
        };
        stored.write(data)
    }
}

impl Stored {
    fn write(&self, data: &DataDir) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Failure::because("cannot write credentials", &error))?;
        data.write(FILE, format!("{text}\n").as_bytes())
    }

    fn parsed(self) -> Option<Credentials> {
        let app_id: AppId = self.app_id.parse().ok()?;
        let key_id: KeyId = self.key.parse().ok()?;
        Some(Credentials {
            app: SeedCredentials { app_id, key_id, secret: self.secret.into() },
            account: Account { email: self.email, password: self.password.into(), password_hash: self.password_hash.map(Into::into) },
        })
    }
}

fn generate() -> Stored {
    let mut rng = rand::rng();
    let mut text = |length: usize| -> String { (0..length).map(|_| char::from(BASE62[rng.random_range(0..BASE62.len())])).collect() };
    let (key, secret, password) = (text(20), text(43), text(16));
    Stored {
        app_id: rng.random_range(100_000_000..1_000_000_000_u64).to_string(),
        key,
        secret,
        email: EMAIL.to_owned(),
        password,
        password_hash: None,
    }
}
