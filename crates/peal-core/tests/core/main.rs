//! What the rest of the system relies on, a file per promise. `errors_page` and `limits_page` also write `docs/errors.md` and
//! `docs/limits.md`: run them with `UPDATE_GOLDEN=1` after changing the table of errors, the table of limits or the plans.

mod counters;
mod counting_page;
mod errors_page;
mod json;
mod limits_page;
mod signature;
mod stored;
mod token;

/// Compares a generated page with its file, or writes it with `UPDATE_GOLDEN=1`.
fn golden(path: &str, expected: &str, test: &str) {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, expected).expect("the checkout is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "{} is out of date: UPDATE_GOLDEN=1 cargo test -p peal-core {test}", path.display());
}
