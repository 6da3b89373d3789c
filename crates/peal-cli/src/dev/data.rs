//! The data directory of `peal dev`: who uses it, and the small files beside the database.
//!
//! ```text
//! peal.lock        locked by the process that uses the directory, with its id inside
//! keyring          master keys, 0600
//! credentials.json the development app and account, 0600
//! ready.json       as --ready-file, for `peal publish` and the others; there while it serves
//! usage/           usage on its way to the database
//! era              no position above this was issued (DESIGN 5.2)
//! database/        the private Postgres, or database.location that names it
//! postgres/        binaries that `make dev` installs
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use peal_store::Keyring;
use peal_store::embedded::EphemeralDir;

use crate::failure::Failure;
use crate::node;
use crate::settings::{DatabaseArgs, DevOnlyArgs};

/// Microseconds that eras may run ahead of what is on disk: far more than a process makes between two starts of it.
const ERA_MARGIN: u64 = 3_600_000_000;

#[derive(Debug)]
pub(super) enum DataDir {
    Kept { path: PathBuf, _lock: File },
    Ephemeral { dir: EphemeralDir, named: PathBuf },
}

impl DataDir {
    pub(super) fn open(args: &DevOnlyArgs) -> Result<Self, Failure> {
        if args.ephemeral {
            let dir = EphemeralDir::create().map_err(|error| Failure::because("cannot make a temporary data directory", &error))?;
            return Ok(Self::Ephemeral { dir, named: args.data_dir.clone() });
        }
        let path = args.data_dir.clone();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| failed("make", &path, &error))?;
        let lock = lock(&path)?;
        Ok(Self::Kept { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept { path, .. } => path,
            Self::Ephemeral { dir, .. } => dir.path(),
        }
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        matches!(self, Self::Ephemeral { .. })
    }

    /// Where usage is kept until the database has it.
    pub(super) fn usage_spool(&self) -> PathBuf {
        self.path().join("usage")
    }

    /// Where `make dev` may have installed Postgres.
    pub(super) fn postgres_package(&self) -> PathBuf {
        match self {
            Self::Kept { path, .. } => path.join("postgres"),
            Self::Ephemeral { named, .. } => named.join("postgres"),
        }
    }

    pub(super) fn keyring(&self, given: &DatabaseArgs) -> Result<Keyring, Failure> {
        if let Some(keyring) = node::given_keyring(given)? {
            return Ok(keyring);
        }
        let path = self.path().join("keyring");
        Keyring::from_file_or_create(&path).map_err(|error| Failure::because("cannot use the master keys", &error))
    }

    /// Above every era of earlier runs, also when the clock has gone back since.
    pub(super) fn era_seed(&self) -> Result<u64, Failure> {
        let path = self.path().join("era");
        let kept = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
        let next = clock.max(kept).saturating_add(ERA_MARGIN);
        self.write("era", format!("{next}\n").as_bytes())?;
        Ok(kept)
    }

    /// Readable by the owner alone, and never seen half written.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        write_whole(&self.path().join(name), bytes)
    }

    /// After all else. Dropping would do the same; this says when.
    pub(super) fn close(self) {
        drop(self);
    }
}

/// Under another name first, then renamed, so that a reader sees all or nothing. Mode 0600: these files hold secrets.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let aside = path.with_file_name(name);
    let write = || {
        fs::remove_file(&aside).or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        File::options().write(true).create_new(true).mode(0o600).open(&aside)?.write_all(bytes)?;
        fs::rename(&aside, path)
    };
    write().map_err(|error| failed("write", path, &error))
}

fn lock(path: &Path) -> Result<File, Failure> {
    let file = path.join("peal.lock");
    let mut options = File::options();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&file);
    let mut lock = opened.map_err(|error| failed("open", &file, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            lock.read_to_string(&mut pid).ok();
            return Err(Failure::failed(format!(
                "another peal dev (process {}) uses the data directory {}; stop it, or run a second copy beside it with \
                 --data-dir DIR and other --edge-addr, --api-addr and --admin-addr",
                pid.trim(),
                path.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &file, &error)),
    }
    let named = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    named.map_err(|error| failed("write", &file, &error))?;
    Ok(lock)
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::because(&format!("cannot {doing} {}", path.display()), error)
}
