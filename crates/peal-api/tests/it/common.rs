//! The control plane on a database of its own, and browsers that talk to it as browsers do.

use axum::Router;
use axum::body::Body;
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use peal_api::{ApiConfig, PasswordCost};
use peal_store::{Keyring, Store, StoreOptions};
use peal_testkit::log_watch;
use peal_testkit::postgres::TestDb;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "tulip orbit kettle";

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) router: Router,
    pub(crate) db: TestDb,
    /// Whatever a test is about, it must not have logged a secret.
    pub(crate) _watch: log_watch::Guard,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        Bench::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ApiConfig)) -> Bench {
        let watch = log_watch::begin();
        let db = TestDb::create().await;
        let store = Store::connect(db.url(), Keyring::ephemeral(), StoreOptions::default()).await.expect("the URL is valid");
        store.keyring_check().await.expect("the keyring is the first one here");
        let mut config = config();
        change(&mut config);
        Bench { router: peal_api::router(config, store.clone()), store, db, _watch: watch }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::of(self.router.clone())
    }

    /// A browser that has just signed up, and what it was told.
    pub(crate) async fn signed_up(&self, email: &str) -> (Browser, Value) {
        let mut browser = self.browser();
        let answer = browser.post("/api/v1/auth/sign-up", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let body = answer.json();
        (browser, body)
    }

    /// Runs a statement behind the API's back.
    pub(crate) async fn sql(&self, sql: &str) {
        let mut conn = PgConnection::connect(self.db.url()).await.expect("Postgres answers");
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.expect("the statement runs");
    }

    pub(crate) async fn text(&self, sql: &str) -> String {
        let mut conn = PgConnection::connect(self.db.url()).await.expect("Postgres answers");
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut conn).await.expect("the query answers")
    }
}

/// As `peal dev` has it, with the cheapest hash that argon2 knows.
pub(crate) fn config() -> ApiConfig {
    ApiConfig {
        dev: true,
        password_cost: PasswordCost::new(8, 1).expect("8 KiB is the least"),
        ..ApiConfig::new("http://127.0.0.1:7200", "http://127.0.0.1:7100")
    }
}

pub(crate) struct Browser {
    router: Router,
    /// `name=value`, as sent.
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn of(router: Router) -> Browser {
        Browser { router, cookie: None }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    /// What a script of our own pages sends.
    pub(crate) async fn json(&mut self, method: Method, path: &str, body: Value) -> Answer {
        log_watch::mark_fields(&body);
        let request = self.request(method, path).header("sec-fetch-site", "same-origin").header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Without a body, as a script of our own pages sends it.
    pub(crate) async fn delete(&mut self, path: &str) -> Answer {
        let request = self.request(Method::DELETE, path).header("sec-fetch-site", "same-origin");
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        if let Some(set) = parts.headers.get(SET_COOKIE) {
            let pair = set.to_str().expect("text").split(';').next().expect("a pair").to_owned();
            log_watch::mark(pair.split_once('=').map_or("", |(_, value)| value));
            self.cookie = Some(pair).filter(|pair| !pair.ends_with('='));
        }
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("the body is complete");
        if let Ok(body) = serde_json::from_slice(&bytes) {
            log_watch::mark_fields(&body);
        }
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Status and name of the problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text);
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        (self.status.as_u16(), body["name"].as_str().expect("a name").to_owned())
    }
}

/// For `assert_eq!` with [`Answer::problem`].
pub(crate) fn problem(status: u16, name: &str) -> (u16, String) {
    (status, name.to_owned())
}
