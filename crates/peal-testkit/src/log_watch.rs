//! Everything that a suite logs, at level TRACE, watched for what must never be logged.
//!
//! Clients mark what is secret as they make or meet it: passwords in forms, cookies, secrets, tokens, signatures. A marked text is looked
//! for in what was logged before, because the server may have known it first, and in everything that is logged after, by whichever test.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// How much of the past is kept: far more than is logged between the making of a secret and its arrival in a browser.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// Shorter ones are no secrets but attempts at weak passwords, which may stand in a log by chance.
const LENGTH_MIN: usize = 12;
/// The fields of forms, frames and answers that hold secrets.
const FIELDS: [&str; 5] = ["password", "current", "new", "secret", "token"];

#[derive(Default)]
struct Watched {
    log: String,
    /// By their first bytes, so that a line is read once however many there are.
    marked: HashMap<[u8; LENGTH_MIN], Vec<String>>,
    leaks: Vec<String>,
}

impl Watched {
    fn found(&self, line: &str) -> Option<&str> {
        let candidates = line.as_bytes().windows(LENGTH_MIN).filter_map(|window| self.marked.get(&beginning(window)));
        candidates.flatten().map(String::as_str).find(|secret| line.contains(secret))
    }
}

/// Of a text that is long enough.
fn beginning(text: &[u8]) -> [u8; LENGTH_MIN] {
    std::array::from_fn(|at| text[at])
}

static WATCHED: Mutex<Option<Watched>> = Mutex::new(None);

/// Fails the test that it belongs to when any test has logged a secret.
pub struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(leaks(), Vec::<String>::new());
        }
    }
}

/// Watches from now on. The subscriber is the process's own, so that it is the same for every test.
///
/// # Panics
/// If the process has another subscriber.
#[must_use]
pub fn begin() -> Guard {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(Writer).finish();
        tracing::subscriber::set_global_default(subscriber).expect("nobody else sets one");
    });
    Guard(())
}

/// Marks every secret in a form or an answer.
pub fn mark_fields(body: &Value) {
    match body {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value.as_str() {
            Some(text) if FIELDS.contains(&name.as_str()) && !text.contains('@') => mark(text),
            _ => mark_fields(value),
        }),
        Value::Array(items) => items.iter().for_each(mark_fields),
        _ => {}
    }
}

/// Marks one text. One that is too short to be a secret is passed over.
pub fn mark(secret: &str) {
    if secret.len() < LENGTH_MIN {
        return;
    }
    with(|watched| {
        let alike = watched.marked.entry(beginning(secret.as_bytes())).or_default();
        if !alike.iter().any(|known| known == secret) {
            if watched.log.contains(secret) {
                watched.leaks.push(format!("{secret} had been logged"));
            }
            alike.push(secret.to_owned());
        }
    });
}

/// Whether the log, as far as it is kept, holds a text that is no secret.
#[must_use]
pub fn holds(text: &str) -> bool {
    with(|watched| watched.log.contains(text))
}

/// What was logged and should not have been, with the line.
#[must_use]
pub fn leaks() -> Vec<String> {
    with(|watched| watched.leaks.clone())
}

fn with<R>(act: impl FnOnce(&mut Watched) -> R) -> R {
    act(WATCHED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

#[derive(Clone)]
struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        with(|watched| {
            if let Some(secret) = watched.found(&line) {
                let leak = format!("{secret} was logged: {line}");
                watched.leaks.push(leak);
            }
            if watched.log.len() > KEPT_BYTES {
                let half = watched.log.ceil_char_boundary(KEPT_BYTES / 2);
                watched.log.drain(..half);
            }
            watched.log.push_str(&line);
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Writer;

    fn make_writer(&'a self) -> Writer {
        Writer
    }
}
