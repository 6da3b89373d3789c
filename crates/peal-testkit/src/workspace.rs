//! Where things are in a checkout.

use std::path::{Path, PathBuf};

/// The root of the workspace this crate was compiled in.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate is two folders below the root").to_owned()
}
