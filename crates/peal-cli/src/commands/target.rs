//! Which edge and which key: flags, else environment, else the development server that runs in this folder or one above it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use peal_core::KeyId;
use secrecy::SecretString;
use serde::Deserialize;

use crate::failure::Failure;
use crate::settings::base_url;

#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// The edge; by default that of the `peal dev` that runs here
    #[arg(long, env = "PEAL_EDGE_URL", value_name = "URL", value_parser = base_url)]
    pub(crate) edge_url: Option<String>,
    /// The key to sign with; by default that of the `peal dev` that runs here
    #[arg(long, env = "PEAL_KEY", value_name = "ID:SECRET", hide_env_values = true)]
    pub(crate) key: Option<SigningKey>,
    /// The data directory of `peal dev`; by default .peal in this folder or the nearest above it
    #[arg(long, env = "PEAL_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// `ID:SECRET`; the secret may contain colons.
#[derive(Debug, Clone)]
pub(crate) struct SigningKey {
    pub(crate) id: KeyId,
    pub(crate) secret: SecretString,
}

impl FromStr for SigningKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((id, secret)) if !secret.is_empty() => {
                let id = id.parse().map_err(|_| "the key id must be 1 to 64 of A-Z a-z 0-9 _ -".to_owned())?;
                Ok(Self { id, secret: secret.into() })
            }
            _ => Err("it must be ID:SECRET".to_owned()),
        }
    }
}

/// The part of `ready.json` that is of use here.
#[derive(Deserialize)]
pub(super) struct Running {
    edge_url: String,
    #[serde(default)]
    pub(super) database_url: String,
    pub(super) app: RunningApp,
}

#[derive(Deserialize)]
pub(super) struct RunningApp {
    pub(super) id: String,
    key: String,
    secret: String,
}

impl TargetArgs {
    pub(super) fn edge_url(&self) -> Result<String, Failure> {
        match &self.edge_url {
            Some(url) => Ok(url.clone()),
            None => Ok(running(self.data_dir.as_deref(), "--edge-url or PEAL_EDGE_URL")?.edge_url),
        }
    }

    pub(super) fn key(&self) -> Result<SigningKey, Failure> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let RunningApp { key, secret, .. } = running(self.data_dir.as_deref(), "--key or PEAL_KEY")?.app;
        let id = key.parse().map_err(|_| Failure::failed("ready.json names no valid key"))?;
        Ok(SigningKey { id, secret: secret.into() })
    }
}

/// The development server that runs here.
pub(super) fn running(data_dir: Option<&Path>, instead: &str) -> Result<Running, Failure> {
    let none = || Failure::usage(format!("no `peal dev` runs here; start one, or give {instead}"));
    let file = match data_dir {
        Some(dir) => dir.join("ready.json"),
        None => std::env::current_dir().ok().and_then(|folder| nearest_ready_file(&folder)).ok_or_else(none)?,
    };
    let text = std::fs::read_to_string(&file).map_err(|_| none())?;
    serde_json::from_str(&text).map_err(|_| Failure::failed(format!("{} is damaged; restart `peal dev`", file.display())))
}

fn nearest_ready_file(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|above| above.join(".peal/ready.json")).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_running_server_is_found_from_below() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(nearest_ready_file(&below), None);
        std::fs::create_dir(root.path().join(".peal")).unwrap();
        let file = root.path().join(".peal/ready.json");
        std::fs::write(&file, r#"{"pid":1,"edge_url":"http://e","app":{"id":"1","key":"k","secret":"s"}}"#).unwrap();
        assert_eq!(nearest_ready_file(&below), Some(file));
        let target = TargetArgs { edge_url: None, key: None, data_dir: Some(root.path().join(".peal")) };
        assert_eq!(target.edge_url().unwrap(), "http://e");
        assert_eq!(target.key().unwrap().id.as_str(), "k");
    }

    #[test]
    fn keys_are_id_and_secret() {
        assert!("k:s:t".parse::<SigningKey>().is_ok());
        for wrong in ["k", "k:", ":s", "k k:s"] {
            assert!(wrong.parse::<SigningKey>().is_err(), "{wrong}");
        }
    }
}
