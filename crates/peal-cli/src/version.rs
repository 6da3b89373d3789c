//! The commit is known when the build sets `PEAL_GIT_HASH`, as a release does; everything else builds without.

/// For example `0.1.0`, or `0.1.0-1a2b3c4`.
pub(crate) fn text() -> String {
    let hash = option_env!("PEAL_GIT_HASH").filter(|hash| !hash.is_empty()).map(|hash| format!("-{hash}"));
    format!("{}{}", env!("CARGO_PKG_VERSION"), hash.unwrap_or_default())
}
