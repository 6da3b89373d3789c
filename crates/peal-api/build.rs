//! A release build embeds the dashboard. One that was made before the dashboard was built has to be made again after it; the macro
//! that embeds the files only notices changes of files that were there.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=../../dashboard/dist/index.html");
    }
}
