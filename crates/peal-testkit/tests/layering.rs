//! The workspace shows the architecture (DESIGN section 3): which crate may know which, and what lies at the top level.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use peal_testkit::workspace;
use serde::Deserialize;

/// What each crate may depend on, besides what is not ours. The testkit and the benchmarks may know any.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("peal-core", &[]),
    ("peal-wire", &["peal-core"]),
    ("peal-broker", &["peal-core"]),
    ("peal-store", &["peal-core"]),
    ("peal-hub", &["peal-core", "peal-wire"]),
    ("peal-meter", &["peal-core", "peal-store"]),
    ("peal-client", &["peal-core", "peal-wire"]),
    ("peal-edge", &["peal-core", "peal-wire", "peal-hub", "peal-broker", "peal-store", "peal-meter"]),
    ("peal-api", &["peal-core", "peal-store", "peal-meter"]),
    ("peal-cli", ANY),
    ("peal-bench", ANY),
    ("peal-testkit", ANY),
];

const ANY: &[&str] =
    &["peal-core", "peal-wire", "peal-broker", "peal-store", "peal-hub", "peal-meter", "peal-client", "peal-edge", "peal-api"];

/// Nothing else but dot files.
const TOP_LEVEL: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "crates",
    "migrations",
    "dashboard",
    "sdk-js",
    "deploy",
    "docs",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for a normal one, else `dev` or `build`.
    kind: Option<String>,
    path: Option<String>,
}

fn packages() -> Vec<Package> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(workspace::root())
        .env_remove("RUSTC_BOOTSTRAP");
    let answer = metadata.output().expect("cargo runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice::<Metadata>(&answer.stdout).expect("cargo's own format").packages
}

/// Every way in which these packages break the layers.
fn violations(packages: &[Package]) -> Vec<String> {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED.iter().map(|(name, may)| (*name, may.iter().copied().collect())).collect();
    let mut found = Vec::new();
    for package in packages {
        let Some(may) = allowed.get(package.name.as_str()) else {
            found.push(format!("{} has no place in the layers; give it one in DESIGN section 3 and here", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let fine = match dependency.kind.as_deref() {
                Some("dev") => true,
                _ => may.contains(dependency.name.as_str()),
            };
            if !fine {
                found.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    found
}

#[test]
fn crates_depend_only_on_the_layers_below_them() {
    let packages = packages();
    assert!(packages.len() > 5, "the workspace was not read");
    assert_eq!(violations(&packages), Vec::<String>::new());
}

#[test]
fn a_wrong_dependency_is_found() {
    let dependency =
        |name: &str, kind: Option<&str>| Dependency { name: name.into(), kind: kind.map(Into::into), path: Some("/there".into()) };
    let package = |name: &str, dependencies| Package { name: name.into(), dependencies };
    let wrong = [
        package("peal-hub", vec![dependency("peal-broker", None)]),
        package("peal-edge", vec![dependency("peal-testkit", None)]),
        package("peal-core", vec![dependency("peal-wire", Some("build"))]),
        package("peal-new", vec![]),
    ];
    assert_eq!(violations(&wrong).len(), wrong.len());
    assert_eq!(
        violations(&[package("peal-hub", vec![dependency("peal-testkit", Some("dev")), dependency("peal-core", None)])]),
        Vec::<String>::new()
    );
}

#[test]
fn nothing_strays_at_the_top_level() {
    let listed = Command::new("git").args(["ls-files", "--cached"]).current_dir(workspace::root()).output().expect("git runs");
    let tracked = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let top: BTreeSet<&str> = tracked.lines().filter_map(|path| path.split('/').next()).filter(|name| !name.starts_with('.')).collect();
    let strays: Vec<_> = top.iter().filter(|name| !TOP_LEVEL.contains(name)).collect();
    assert!(top.contains("crates") && strays.is_empty(), "{strays:?}");
}
