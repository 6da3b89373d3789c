//! Every described route, tried by a stranger and with another tenant's ids. A new route is covered by being in the description.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Bench, problem};

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

/// What any route that takes a body would accept, if the caller were allowed.
fn body() -> Value {
    json!({ "email": "eve@example.com", "password": "tulip orbit kettle", "name": "Mine" })
}

const OPEN: [&str; 5] = ["/api/v1/auth/sign-up", "/api/v1/auth/sign-in", "/api/v1/auth/sign-out", "/healthz", "/readyz"];

#[tokio::test]
async fn without_a_session_only_the_doors_are_open() {
    let bench = Bench::new().await;
    let (_, ada) = bench.signed_up("ada@example.com").await;
    for route in routes() {
        let path = route.path.replace("{app}", ada["app"]["id"].as_str().unwrap()).replace("{key}", ada["key"]["id"].as_str().unwrap());
        let answer = bench.browser().json(route.method.clone(), &path, body()).await;
        if OPEN.contains(&route.path.as_str()) {
            assert!(!answer.text.contains("sign_in_required"), "{} {path}", route.method);
        } else {
            assert_eq!(answer.problem(), problem(401, "sign_in_required"), "{} {path}", route.method);
        }
    }
}

#[tokio::test]
async fn another_tenants_ids_do_not_exist() {
    let bench = Bench::new().await;
    let (_, ada) = bench.signed_up("ada@example.com").await;
    let (mut eve, own) = bench.signed_up("eve2@example.com").await;
    let id = |of: &Value, what: &str| of[what]["id"].as_str().unwrap().to_owned();
    let version = bench.store.directory_version().await.unwrap();
    let mut tried = 0;
    for route in routes().into_iter().filter(|route| route.path.contains('{')) {
        let mut ids = vec![
            (id(&ada, "app"), id(&ada, "key")),
            (id(&ada, "app"), id(&own, "key")),
            ("1".to_owned(), id(&own, "key")),
            ("nonsense".to_owned(), id(&own, "key")),
            ("99999999999999999999".to_owned(), id(&own, "key")),
        ];
        if route.path.contains("{key}") {
            ids.push((id(&own, "app"), id(&ada, "key")));
            ids.push((id(&own, "app"), "n%20o".to_owned()));
        }
        for (app, key) in ids {
            let path = route.path.replace("{app}", &app).replace("{key}", &key);
            let answer = eve.json(route.method.clone(), &path, body()).await;
            assert_eq!(answer.problem(), problem(404, "not_found"), "{} {path}", route.method);
            tried += 1;
        }
        let path = route.path.replace("{app}", &id(&own, "app")).replace("{key}", &id(&own, "key"));
        let answer = eve.json(route.method.clone(), &path, body()).await;
        assert_eq!(answer.status, StatusCode::OK, "the same with own ids works: {} {path}: {}", route.method, answer.text);
    }
    assert!(tried >= 27, "{tried} requests");
    let apps = bench.store.directory_load(Some(version)).await.unwrap().apps;
    assert!(apps.iter().all(|app| app.id.to_string() != id(&ada, "app")), "nothing of hers was touched");
}

#[tokio::test]
async fn lists_hold_only_what_is_ones_own() {
    let bench = Bench::new().await;
    let (_, ada) = bench.signed_up("ada@example.com").await;
    let (mut eve, own) = bench.signed_up("eve@example.com").await;
    let keys = format!("/api/v1/apps/{}/keys", own["app"]["id"].as_str().unwrap());
    for path in ["/api/v1/apps", "/api/v1/session", &keys] {
        let answer = eve.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        for foreign in [&ada["app"]["id"], &ada["key"]["id"], &ada["org"]["id"], &ada["user"]["email"]] {
            assert!(!answer.text.contains(foreign.as_str().unwrap()), "{path}");
        }
    }
    assert_eq!(eve.get(&keys).await.json()["items"][0]["id"], own["key"]["id"]);
    assert!(eve.get(&keys).await.json()["next_cursor"].is_null());
}
