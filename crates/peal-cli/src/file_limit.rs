//! Every connection is a file descriptor, and the usual soft limit of 1024 is far below what a node can hold.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors that are not client connections: Postgres, listeners, runtimes, files.
const RESERVED: u64 = 512;

/// Raises the limit to its hard value, logs it, and says how many client connections fit.
pub(crate) fn raise() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the file limit could not be raised to its hard value");
        }
    }
    let after = getrlimit(Resource::Nofile).current;
    tracing::info!(before, after, "file limit");
    after.map_or(1_000_000, |files| usize::try_from(files.saturating_sub(RESERVED).max(64)).unwrap_or(usize::MAX)).min(1_000_000)
}
