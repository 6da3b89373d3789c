//! Every described route, tried by a stranger and with another tenant's ids. A new route is covered by being in the description.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Answer, Bench, Browser, PASSWORD, problem};

struct Route {
    method: Method,
    path: String,
}

/// From the generated description, so that no route can be forgotten.
fn routes() -> Vec<Route> {
    let description: Value = serde_json::from_str(&peal_api::openapi_json()).unwrap();
    let paths = description["paths"].as_object().expect("paths").iter();
    let routes: Vec<Route> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(|method| Route { method: method.to_uppercase().parse().unwrap(), path: path.clone() })
        })
        .collect();
    assert!(routes.len() >= 13, "the description lists {} routes", routes.len());
    routes
}

/// What any route that takes a body would accept, if the caller were allowed. One object serves them all.
fn body() -> Value {
    json!({
        "email": "eve@example.com", "password": PASSWORD, "current": PASSWORD, "new": "another good pass",
        "name": "Mine", "environment": "development", "preset": "full", "overlap_s": 0, "operation": "publish", "channel": "hello",
        "version": 1, "ordered": [], "default": {},
    })
}

/// A DELETE has no body.
async fn call(browser: &mut Browser, method: &Method, path: &str) -> Answer {
    if *method == Method::DELETE { browser.delete(path).await } else { browser.json(method.clone(), path, body()).await }
}

fn id(of: &Value, what: &str) -> String {
    of[what]["id"].as_str().expect("an id").to_owned()
}

/// The ids that a path names: of an app, of a key, of a session.
struct Ids {
    app: String,
    key: String,
    session: String,
}

impl Ids {
    async fn of(browser: &mut Browser, made: &Value) -> Ids {
        let sessions = browser.get("/api/v1/sessions").await.json();
        Ids { app: id(made, "app"), key: id(made, "key"), session: sessions["items"][0]["id"].as_str().expect("an id").to_owned() }
    }

    fn fill(&self, path: &str) -> String {
        path.replace("{app}", &self.app).replace("{key}", &self.key).replace("{session}", &self.session).replace("{page}", "errors.md")
    }
}

const OPEN: [&str; 6] = ["/api/v1/auth/sign-up", "/api/v1/auth/sign-in", "/api/v1/auth/sign-out", "/healthz", "/readyz", "/docs/{page}"];

#[tokio::test]
async fn without_a_session_only_the_doors_are_open() {
    let bench = Bench::new().await;
    let (mut browser, ada) = bench.signed_up("ada@example.com").await;
    let ids = Ids::of(&mut browser, &ada).await;
    for Route { method, path } in routes() {
        let answer = call(&mut bench.browser(), &method, &ids.fill(&path)).await;
        if OPEN.contains(&path.as_str()) {
            assert!(answer.status.is_success() || answer.json()["name"] != "sign_in_required", "{method} {path}");
        } else {
            assert_eq!(answer.problem(), problem(401, "sign_in_required"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn another_tenants_ids_do_not_exist() {
    let bench = Bench::new().await;
    let (mut her_browser, ada) = bench.signed_up("ada@example.com").await;
    let hers = Ids::of(&mut her_browser, &ada).await;
    let (mut eve, own) = bench.signed_up("eve@example.com").await;
    let own = Ids::of(&mut eve, &own).await;
    let (version, events) = (bench.store.directory_version().await.unwrap(), her_browser.get("/api/v1/audit").await.json());
    let mut tried = 0;
    for Route { method, path } in routes().into_iter().filter(|route| route.path.contains('{') && !OPEN.contains(&&*route.path)) {
        let with = |app: &str, key: &str, session: &str| Ids { app: app.into(), key: key.into(), session: session.into() };
        let mut all = Vec::new();
        if path.contains("{app}") {
            all.push(with(&hers.app, &hers.key, ""));
            all.extend([&hers.app, "1", "nonsense", "99999999999999999999"].map(|app| with(app, &own.key, "")));
        }
        if path.contains("{key}") {
            all.extend([&hers.key, "n%20o"].map(|key| with(&own.app, key, "")));
        }
        if path.contains("{session}") {
            all.extend([&hers.session, "nonsense"].map(|session| with("", "", session)));
        }
        assert!(!all.is_empty(), "{path} names something that this test does not know");
        for ids in all {
            let path = ids.fill(&path);
            assert_eq!(call(&mut eve, &method, &path).await.problem(), problem(404, "not_found"), "{method} {path}");
            tried += 1;
        }
    }
    assert!(tried >= 80, "{tried} requests");
    assert_eq!(bench.store.directory_version().await.unwrap(), version, "nothing was changed");
    assert_eq!(her_browser.get("/api/v1/audit").await.json(), events, "and nothing was noted in her log");
    assert_eq!(eve.get("/api/v1/audit").await.json()["items"].as_array().unwrap().len(), 1, "nor in one's own");
}

/// Some of them end what they are done to, so each has an account of its own.
#[tokio::test]
async fn the_same_requests_with_ones_own_ids_succeed() {
    let bench = Bench::new().await;
    for (n, Route { method, path }) in routes().into_iter().enumerate() {
        let (mut browser, made) = bench.signed_up(&format!("user{n}@example.com")).await;
        let path = Ids::of(&mut browser, &made).await.fill(&path);
        if path == "/api/v1/auth/sign-in" {
            continue; // With another's name.
        }
        let answer = call(&mut browser, &method, &path).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn lists_hold_only_what_is_ones_own() {
    let bench = Bench::new().await;
    let (_, ada) = bench.signed_up("ada@example.com").await;
    let (mut eve, own) = bench.signed_up("eve@example.com").await;
    let keys = format!("/api/v1/apps/{}/keys", own["app"]["id"].as_str().unwrap());
    for path in ["/api/v1/apps", "/api/v1/session", "/api/v1/sessions", "/api/v1/audit", &keys] {
        let answer = eve.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        for foreign in [&ada["app"]["id"], &ada["key"]["id"], &ada["org"]["id"], &ada["user"]["email"]] {
            assert!(!answer.text.contains(foreign.as_str().unwrap()), "{path}");
        }
    }
    assert_eq!(eve.get(&keys).await.json()["items"][0]["id"], own["key"]["id"]);
    assert!(eve.get(&keys).await.json()["next_cursor"].is_null());
}
