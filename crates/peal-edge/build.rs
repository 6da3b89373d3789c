//! Puts the built JavaScript client where it can be embedded. Without one (no Node on this machine) the binary still builds and
//! serves a script that says what to do.

use std::path::Path;
use std::{env, fs};

const SOURCE: &str = "../../sdk-js/dist/peal.js";
const MISSING: &str = "throw new Error('This Peal server was built without its JavaScript client. Run `make sdk` and build again.');\n";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let script = fs::read_to_string(SOURCE).unwrap_or_else(|_| MISSING.to_owned());
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("peal.js"), script).expect("OUT_DIR is writable");
}
