//! The migrations are compiled in; a file added to their folder must rebuild this crate.
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
