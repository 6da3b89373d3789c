//! Where a cluster lives and as whom it runs.
//!
//! Normally that is `database/` in the data directory, as the user who runs Peal. Postgres refuses to run as root, and the
//! user that root runs it as cannot enter `/root` or a private temporary folder; so root's cluster lives in
//! `/var/lib/peal/<hash of the data directory>`, else `/tmp/peal-<hash>`, and `database.location` in the data directory names it. In
//! both cases a place looks like this, the two folders closed to everybody but the server's user:
//!
//! ```text
//! lock           held by the Peal that owns the server
//! cluster/       Postgres's data directory
//! socket/        unless its path is too long for a unix socket: then /tmp/peal-<hash>
//! postgres.log
//! pg/            root only: a copy of binaries that the server's user cannot reach
//! ```

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use super::EmbeddedOptions;
use super::binaries::Binaries;
use super::copy;
use super::error::EmbeddedError;

const LOCATION_FILE: &str = "database.location";
const SOCKET_FILE: &str = ".s.PGSQL.5432";
/// Linux allows 107 bytes, macOS 103.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// A user that the server runs as, when that is not the user who runs Peal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunAs {
    uid: u32,
    gid: u32,
}

#[derive(Debug)]
pub(super) struct Place {
    data_dir: PathBuf,
    root: PathBuf,
    socket_dir: PathBuf,
    run_as: Option<RunAs>,
    ephemeral: bool,
    /// Its data directory knows nothing of it: that of an earlier one of the same name, which was removed.
    forgotten: bool,
    /// The lock goes with the descriptor, so also after `kill -9`.
    pub(super) _lock: File,
}

impl Place {
    /// Makes the folders and takes the lock.
    pub(super) fn choose(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let data_dir = fs::canonicalize(&options.data_dir).map_err(EmbeddedError::file("find", &options.data_dir))?;
        let hash = hash_of(&data_dir);
        let Site { root, run_as, named } = site(&data_dir, &hash)?;
        let lock = lock(&root, run_as)?;
        let mut socket_dir = root.join("socket");
        if socket_dir.join(SOCKET_FILE).as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            socket_dir = PathBuf::from(format!("/tmp/peal-{hash}-socket"));
        }
        let forgotten = !named && root.join("cluster").exists();
        let place = Self { data_dir, root, socket_dir, run_as, ephemeral: options.ephemeral, forgotten, _lock: lock };
        place.private_dir(&place.socket_dir)?;
        Ok(place)
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    /// Removes the cluster of which the data directory knows nothing, once no server runs on it.
    pub(super) fn clear(&self) -> Result<(), EmbeddedError> {
        fs::remove_dir_all(self.cluster_dir()).map_err(EmbeddedError::file("remove", self.cluster_dir()))
    }

    /// From here on the data directory knows where its cluster is.
    pub(super) fn remember(&self) -> Result<(), EmbeddedError> {
        if self.root.starts_with(&self.data_dir) {
            return Ok(());
        }
        let location = self.data_dir.join(LOCATION_FILE);
        fs::write(&location, format!("{}\n", self.root.display())).map_err(EmbeddedError::file("write", &location))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn cluster_dir(&self) -> PathBuf {
        self.root.join("cluster")
    }

    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    pub(super) fn socket_file(&self) -> PathBuf {
        self.socket_dir.join(SOCKET_FILE)
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// A program that runs as the server's user, in a folder this user can enter, with nothing inherited that could mislead it.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C");
        if let Some(RunAs { uid, gid }) = self.run_as {
            std::os::unix::process::CommandExt::gid(&mut command, gid);
            std::os::unix::process::CommandExt::uid(&mut command, uid);
        }
        command
    }

    /// The binaries themselves, or a copy when the server's user cannot run them where they are.
    pub(super) fn usable_binaries(&self, found: &Binaries) -> Result<Binaries, EmbeddedError> {
        let runs = |binaries: &Binaries| {
            let mut version = self.command(&binaries.program("postgres"));
            version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        if self.run_as.is_none() || runs(found) {
            return Ok(found.clone());
        }
        let copied = copy::installation(found, &self.root.join("pg"))?;
        if runs(&copied) { Ok(copied) } else { Err(EmbeddedError::BadBinDir { path: copied.bin_dir }) }
    }

    /// A folder for the server's user alone. One that exists must already be that: in `/tmp` anybody could have made it.
    pub(super) fn private_dir(&self, path: &Path) -> Result<(), EmbeddedError> {
        let failed = |source| EmbeddedError::File { doing: "make", path: path.to_owned(), source };
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => self.give(path).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(path).map_err(failed)?;
                let owner = self.run_as.map_or(geteuid().as_raw(), |user| user.uid);
                if !found.is_dir() || found.uid() != owner {
                    return Err(EmbeddedError::OtherOwner { path: path.to_owned() });
                }
                fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        give(path, self.run_as)
    }

    /// After the server has stopped. Nothing can be done about what cannot be removed, and the next sweep tries again.
    pub(super) fn leave(&self) {
        if self.ephemeral {
            remove(&self.root, &self.socket_dir);
            fs::remove_file(self.data_dir.join(LOCATION_FILE)).ok();
        }
    }
}

fn remove(root: &Path, socket_dir: &Path) {
    fs::remove_dir_all(socket_dir).ok();
    fs::remove_dir_all(root).ok();
    // The shared parent goes with the last place in it.
    if let Some(parent) = root.parent().filter(|parent| *parent == Path::new(SYSTEM_ROOT)) {
        fs::remove_dir(parent).ok();
    }
}

const SYSTEM_ROOT: &str = "/var/lib/peal";

/// The folder of the cluster, made if need be, and the user to run as.
struct Site {
    root: PathBuf,
    run_as: Option<RunAs>,
    /// Whether the data directory knew of it.
    named: bool,
}

fn site(data_dir: &Path, hash: &str) -> Result<Site, EmbeddedError> {
    let here = data_dir.join("database");
    let named = fs::read_to_string(data_dir.join(LOCATION_FILE)).ok().map(|text| PathBuf::from(text.trim()));
    let existing = named.filter(|path| path.is_dir()).or_else(|| here.is_dir().then(|| here.clone()));
    let is_root = geteuid().is_root();
    if let Some(root) = existing {
        let cluster = root.join("cluster");
        let holder = if cluster.exists() { &cluster } else { &root };
        let owner = fs::metadata(holder).map_err(EmbeddedError::file("read", holder))?;
        return match owner.uid() {
            uid if uid == geteuid().as_raw() && !is_root => Ok(Site { root, run_as: None, named: true }),
            0 if is_root => Ok(Site { root, run_as: Some(unprivileged_user()?), named: true }),
            uid if is_root => Ok(Site { root, run_as: Some(RunAs { uid, gid: owner.gid() }), named: true }),
            _ => Err(EmbeddedError::OtherOwner { path: root }),
        };
    }
    if !is_root {
        make_dir(&here, 0o700).map_err(EmbeddedError::file("make", &here))?;
        return Ok(Site { root: here, run_as: None, named: true });
    }
    Ok(Site { root: root_site(hash)?, run_as: Some(unprivileged_user()?), named: false })
}

/// Root's own, so that the server's user cannot put links in the way of the lock and the log.
fn root_site(hash: &str) -> Result<PathBuf, EmbeddedError> {
    let preferred = Path::new(SYSTEM_ROOT).join(hash);
    if make_dir(Path::new(SYSTEM_ROOT), 0o755).and_then(|()| make_dir(&preferred, 0o755)).is_ok() {
        return Ok(preferred);
    }
    let fallback = PathBuf::from(format!("/tmp/peal-{hash}"));
    make_dir(&fallback, 0o755).map_err(EmbeddedError::file("make", &fallback))?;
    Ok(fallback)
}

/// Makes it with exactly this mode, whatever the umask, or finds a real folder that is ours.
fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(path)?;
            if found.is_dir() && found.uid() == geteuid().as_raw() { Ok(()) } else { Err(error) }
        }
        Err(error) => Err(error),
    }
}

fn lock(root: &Path, run_as: Option<RunAs>) -> Result<File, EmbeddedError> {
    let path = root.join("lock");
    let mut open = File::options();
    let open = open.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = open.open(&path).map_err(EmbeddedError::file("open", &path))?;
    give(&path, run_as).map_err(EmbeddedError::file("give away", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(EmbeddedError::InUse { path: root.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(EmbeddedError::File { doing: "lock", path, source }),
    }
}

fn give(path: &Path, run_as: Option<RunAs>) -> io::Result<()> {
    match run_as {
        Some(RunAs { uid, gid }) => chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

/// `initdb` insists on a user that has a name.
fn unprivileged_user() -> Result<RunAs, EmbeddedError> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["nobody", "postgres", "daemon"]
        .iter()
        .find_map(|wanted| users.lines().find_map(|line| user_of_line(line, wanted)))
        .ok_or(EmbeddedError::NoUnprivilegedUser)
}

fn user_of_line(line: &str, wanted: &str) -> Option<RunAs> {
    let mut fields = line.split(':');
    if fields.next()? != wanted {
        return None;
    }
    let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
    Some(RunAs { uid, gid: fields.next()?.parse().ok()? })
}

fn hash_of(data_dir: &Path) -> String {
    let digest = Sha256::digest(data_dir.as_os_str().as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// For the value of a query parameter.
pub(super) fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    path.as_os_str()
        .as_bytes()
        .iter()
        .map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_travels_in_a_url() {
        assert_eq!(percent_encoded(Path::new("/home/a b/ü&x")), "/home/a%20b/%C3%BC%26x");
    }

    #[test]
    fn users_are_read_by_name_and_never_root() {
        assert_eq!(
            user_of_line("nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin", "nobody"),
            Some(RunAs { uid: 65534, gid: 65533 })
        );
        assert_eq!(user_of_line("nobody:x:0:0::/:", "nobody"), None);
        assert_eq!(user_of_line("nobodyelse:x:5:5::/:", "nobody"), None);
    }

    #[test]
    fn a_data_directory_is_used_by_one_at_a_time() {
        let data = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { ephemeral: true, ..EmbeddedOptions::new(data.path()) };
        let first = Place::choose(&options).unwrap();
        assert!(matches!(Place::choose(&options), Err(EmbeddedError::InUse { .. })));
        first.leave();
        drop(first);
        Place::choose(&options).unwrap().leave();
    }

    #[test]
    fn a_long_path_moves_the_socket() {
        let data = tempfile::tempdir().unwrap();
        let deep = data.path().join("x".repeat(120));
        fs::create_dir(&deep).unwrap();
        let place = Place::choose(&EmbeddedOptions { ephemeral: true, ..EmbeddedOptions::new(&deep) }).unwrap();
        assert!(place.socket_file().as_os_str().len() <= SOCKET_PATH_BYTES_MAX);
        place.leave();
        assert!(!place.socket_dir().exists());
    }
}
