//! Pages that name files and tests stay true: a promise whose test is gone is no promise.

use std::fs;
use std::path::{Path, PathBuf};

use peal_testkit::workspace;

/// Every `[words](target)` of a page, with the rest of its line after it.
fn links(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.lines().flat_map(|line| {
        line.match_indices("](").filter_map(|(at, _)| {
            let (target, rest) = line[at + 2..].split_once(')')?;
            Some((target, rest))
        })
    })
}

fn pages() -> Vec<PathBuf> {
    let root = workspace::root();
    let docs = fs::read_dir(root.join("docs")).expect("docs").map(|entry| entry.expect("an entry").path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    pages.push(root.join("README.md"));
    pages
}

fn is_test(source: &Path, name: &str) -> bool {
    let text = fs::read_to_string(source).expect("the source is readable");
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    let before: Vec<&str> = text[..at].lines().rev().take(4).collect();
    before.iter().any(|line| line.contains("test"))
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("the page is readable");
        let folder = page.parent().expect("a folder");
        for (target, _) in links(&text).filter(|(target, _)| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or(target);
            assert!(folder.join(file).exists(), "{} links to {target}, which does not exist", page.display());
        }
    }
}

#[test]
fn every_guarantee_names_tests_that_exist() {
    let docs = workspace::root().join("docs");
    let text = fs::read_to_string(docs.join("guarantees.md")).expect("docs/guarantees.md");
    let mut named = 0;
    for (target, rest) in links(&text).filter(|(target, _)| target.contains("/tests/")) {
        let test = rest.trim_start().strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(test, _)| test);
        let test = test.unwrap_or_else(|| panic!("the link to {target} names no test"));
        assert!(is_test(&docs.join(target), test), "{target} has no test {test}");
        named += 1;
    }
    assert!(named >= 30, "only {named} tests are named");
}
