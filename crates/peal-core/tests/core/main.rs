//! What the rest of the system relies on, a file per promise. `errors_page` also writes `docs/errors.md`: run it with
//! `UPDATE_GOLDEN=1` after changing the error table.

mod errors_page;
mod json;
mod signature;
mod stored;
mod token;
