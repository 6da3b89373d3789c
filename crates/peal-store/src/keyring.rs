//! The master keys, which live outside the database.
//!
//! A keyring is an ordered list of `kid:base64(32 bytes)`. The first key encrypts; the others only decrypt, which is how a
//! rotation overlaps. Losing the keyring loses every signing secret, so it is created atomically, readable by its owner alone,
//! and checked against the database at start-up ([`crate::Store::keyring_check`]).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::envelope::{SecretKey, key_from_slice, key_generate};

/// Master keys. Cloning shares them; they are erased when the last clone goes.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<[(String, SecretKey)]>,
}

/// Why a keyring could not be read. No variant carries key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("the keyring is empty: it needs at least one kid:base64 entry")]
    Empty,
    #[error("keyring entry {entry} is not kid:base64 of exactly 32 bytes (kid: 1 to 64 of A-Z a-z 0-9 _ - .)")]
    Malformed { entry: usize },
    #[error("the keyring names {kid} twice")]
    Repeated { kid: String },
    #[error("{} is readable by others; it holds master keys, so run: chmod 600 {}", path.display(), path.display())]
    TooOpen { path: PathBuf },
    #[error("cannot read or create the keyring {}", path.display())]
    File { path: PathBuf, source: io::Error },
}

impl Keyring {
    /// From `kid:base64` entries separated by commas or line breaks (the form of `PEAL_KEYRING` and of the file).
    ///
    /// # Errors
    /// When there is no entry, or one is malformed or repeated.
    pub fn from_env(text: &str) -> Result<Keyring, KeyringError> {
        let mut keys: Vec<(String, SecretKey)> = Vec::new();
        let entries = text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
        for (index, entry) in entries.enumerate() {
            let malformed = || KeyringError::Malformed { entry: index + 1 };
            let (kid, encoded) = entry.split_once(':').filter(|(kid, _)| kid_is_valid(kid)).ok_or_else(malformed)?;
            let bytes = Zeroizing::new(BASE64.decode(encoded).map_err(|_| malformed())?);
            let key = key_from_slice(&bytes).ok_or_else(malformed)?;
            if keys.iter().any(|(known, _)| known == kid) {
                return Err(KeyringError::Repeated { kid: kid.to_owned() });
            }
            keys.push((kid.to_owned(), key));
        }
        if keys.is_empty() {
            return Err(KeyringError::Empty);
        }
        Ok(Keyring { keys: keys.into() })
    }

    /// Reads the file, or makes it with one fresh key. Two processes that start together agree on one file.
    ///
    /// # Errors
    /// When the file cannot be read or written, is open to other users, or does not hold a keyring.
    pub fn from_file_or_create(path: impl AsRef<Path>) -> Result<Keyring, KeyringError> {
        let path = path.as_ref();
        let failed = |source| KeyringError::File { path: path.to_owned(), source };
        if !path.try_exists().map_err(failed)? {
            file_create(path).map_err(failed)?;
        }
        if others_may_read(path).map_err(failed)? {
            return Err(KeyringError::TooOpen { path: path.to_owned() });
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
        Keyring::from_env(&text)
    }

    /// A keyring that dies with the process, for throw-away databases.
    pub fn ephemeral() -> Keyring {
        let key = key_generate();
        Keyring { keys: Arc::new([(kid_of(&key), key)]) }
    }

    pub(crate) fn primary(&self) -> (&str, &SecretKey) {
        let (kid, key) = self.keys.first().expect("every constructor puts at least one key in");
        (kid, key)
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&SecretKey> {
        self.keys.iter().find(|(known, _)| known == kid).map(|(_, key)| key)
    }
}

/// A generated key is named after its hash, so two keyrings never use one name for two keys.
fn kid_of(key: &SecretKey) -> String {
    let digest = Sha256::new().chain_update(b"peal kid\0").chain_update(key.expose_secret()).finalize();
    let name: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("k-{name}")
}

fn kid_is_valid(kid: &str) -> bool {
    (1..=64).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Written aside, synced, and put in place by a link that fails if somebody else was first: the name never shows half a file.
fn file_create(path: &Path) -> io::Result<()> {
    let key = key_generate();
    let line = Zeroizing::new(format!("{}:{}\n", kid_of(&key), &*Zeroizing::new(BASE64.encode(key.expose_secret()))));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside)?;
    let placed = file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kid: &str, byte: u8) -> String {
        format!("{kid}:{}", BASE64.encode([byte; 32]))
    }

    #[test]
    fn the_first_key_encrypts_and_the_others_are_found() {
        let ring = Keyring::from_env(&format!("{}, {}\n", entry("new", 1), entry("old", 2))).unwrap();
        assert_eq!(ring.primary().0, "new");
        assert_eq!(ring.find("old").unwrap().expose_secret(), &[2; 32]);
        assert!(ring.find("other").is_none());
    }

    #[test]
    fn malformed_keyrings_are_refused_without_quoting_them() {
        let short = format!("k:{}", BASE64.encode([1; 16]));
        for text in ["", " , \n", "k", "k:notbase64!", short.as_str(), &entry("a|b", 1), &entry("", 1)] {
            let error = Keyring::from_env(text).err().unwrap_or_else(|| panic!("{text:?} was accepted"));
            assert!(text.len() < 20 || !error.to_string().contains(&text[2..]), "{error}");
        }
        let twice = format!("{},{}", entry("a", 1), entry("a", 2));
        assert!(matches!(Keyring::from_env(&twice), Err(KeyringError::Repeated { .. })));
    }

    #[test]
    fn a_file_is_made_once_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/keyring");
        let made = Keyring::from_file_or_create(&path).unwrap();
        let read = Keyring::from_file_or_create(&path).unwrap();
        assert_eq!(made.primary().0, read.primary().0);
        assert_eq!(made.primary().1.expose_secret(), read.primary().1.expose_secret());
        assert!(!others_may_read(&path).unwrap());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left aside");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyring");
        Keyring::from_file_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Keyring::from_file_or_create(&path), Err(KeyringError::TooOpen { .. })));
    }
}
