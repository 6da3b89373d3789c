//! The ready file: one JSON object that says where everything is, for test tools and for `peal publish` beside a running server.

use std::path::Path;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::credentials::Credentials;
use super::data::{DataDir, write_whole};
use crate::failure::Failure;

/// In the data directory, besides the file that `--ready-file` names.
pub(crate) const OWN_FILE: &str = "ready.json";

#[derive(Debug)]
pub(super) struct Ready {
    pub(super) pid: u32,
    pub(super) edge_url: String,
    pub(super) api_url: String,
    pub(super) admin_url: String,
    pub(super) database_url: String,
    pub(super) dashboard_url: String,
    pub(super) credentials: Credentials,
}

impl Ready {
    /// DESIGN section 9.
    fn json(&self) -> Value {
        let (app, account) = (&self.credentials.app, &self.credentials.account);
        json!({
            "pid": self.pid,
            "edge_url": self.edge_url,
            "api_url": self.api_url,
            "admin_url": self.admin_url,
            "database_url": self.database_url,
            "app": { "id": app.app_id.to_string(), "key": app.key_id.as_str(), "secret": app.secret.expose_secret() },
            "dashboard": { "url": self.dashboard_url, "email": account.email, "password": account.password.expose_secret() },
        })
    }

    pub(super) fn write(&self, file: Option<&Path>, data: &DataDir) -> Result<(), Failure> {
        let text = format!("{}\n", self.json());
        data.write(OWN_FILE, text.as_bytes())?;
        file.map_or(Ok(()), |file| write_whole(file, text.as_bytes()))
    }
}

/// Somebody may be waiting for the file: what an earlier run left must not be taken for this one's.
pub(super) fn remove_stale(file: Option<&Path>, data: &DataDir) -> Result<(), Failure> {
    for path in file.map(Path::to_owned).into_iter().chain([data.path().join(OWN_FILE)]) {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::because(&format!("cannot remove the old {}", path.display()), &error));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn remove_own(data: &DataDir) {
    std::fs::remove_file(data.path().join(OWN_FILE)).ok();
}
