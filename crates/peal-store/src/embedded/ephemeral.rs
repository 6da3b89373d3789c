//! A data directory that goes with its process, and the clearing up after processes that were killed before they could.
//!
//! Each directory holds a lock file, locked as long as its owner lives. Whoever can take the lock of another's directory has
//! found a leftover.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::EmbeddedOptions;
use super::error::EmbeddedError;
use super::place::Place;
use super::server::{self, Stop};

const PREFIX: &str = "peal-ephemeral-";
const LOCK_FILE: &str = "owner.lock";

/// Removed when dropped.
#[derive(Debug)]
pub struct EphemeralDir {
    path: PathBuf,
    /// Released with the descriptor, so also by `kill -9`.
    _lock: File,
}

impl EphemeralDir {
    /// A fresh, private directory. Leftovers of this user's killed processes are cleared up first.
    ///
    /// # Errors
    /// When the temporary folder cannot be written.
    pub fn create() -> Result<Self, EmbeddedError> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let failed = |source| EmbeddedError::File { doing: "make a directory in", path: parent.clone(), source };
        let path = parent.join(format!("{PREFIX}{:016x}", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        // The lock is taken under another name: the file never shows unlocked while its owner lives.
        let aside = path.join("owner.lock.new");
        let lock = File::create_new(&aside).map_err(failed)?;
        lock.lock().map_err(failed)?;
        fs::rename(&aside, path.join(LOCK_FILE)).map_err(failed)?;
        Ok(Self { path, _lock: lock })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
impl EphemeralDir {
    /// As `kill -9` does it.
    pub(super) fn abandon(mut self) {
        self._lock = File::open("/dev/null").unwrap();
        std::mem::forget(self);
    }
}

impl Drop for EphemeralDir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

/// Failures are ignored: the next start tries again.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            clear_if_left(&entry.path()).ok();
        }
    }
}

fn clear_if_left(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Ok(());
    }
    let lock = File::open(path.join(LOCK_FILE))?;
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let has_cluster = path.join("database").exists() || path.join("database.location").exists();
    let options = EmbeddedOptions { ephemeral: true, ..EmbeddedOptions::new(path) };
    if has_cluster && let Ok(place) = Place::choose(&options) {
        if let Ok(Some(mut left)) = server::adopt(&place) {
            left.stop(Stop::Immediate);
        }
        place.leave();
    }
    fs::remove_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_without_owner_are_cleared() {
        let owned = EphemeralDir::create().unwrap();
        let left = owned.path().with_file_name(format!("{PREFIX}test-{}", std::process::id()));
        fs::create_dir(&left).unwrap();
        File::create_new(left.join(LOCK_FILE)).unwrap();
        let other = EphemeralDir::create().unwrap();
        assert!(!left.exists(), "a leftover stays");
        assert!(owned.path().exists() && other.path().exists());
        let path = owned.path().to_owned();
        drop(owned);
        assert!(!path.exists());
    }
}
