//! Everything that the suite logs, at level TRACE, watched for what must never be logged.
//!
//! Browsers mark what is secret as they meet it: passwords in forms, cookies, secrets and tokens in answers. A marked text is looked for
//! in what was logged before, because the server knew it first, and in everything that is logged after, by whichever test.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// How much of the past is kept: far more than is logged between the making of a secret and its arrival in a browser.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// Shorter ones are no secrets but attempts at weak passwords, which may stand in a log by chance.
const LENGTH_MIN: usize = 12;
/// The fields of forms and answers that hold secrets.
const FIELDS: [&str; 5] = ["password", "current", "new", "secret", "token"];

#[derive(Default)]
struct Watched {
    log: String,
    marked: Vec<String>,
    leaks: Vec<String>,
}

static WATCHED: Mutex<Option<Watched>> = Mutex::new(None);

/// Fails the test that it belongs to when any test has logged a secret.
pub(crate) struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(leaks(), Vec::<String>::new());
        }
    }
}

/// Watches from now on. The subscriber is the process's own, so that it is the same for every test.
pub(crate) fn begin() -> Guard {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(Writer).finish();
        tracing::subscriber::set_global_default(subscriber).expect("nobody else sets one");
    });
    Guard(())
}

/// Marks every secret in a form or an answer.
pub(crate) fn mark_fields(body: &Value) {
    match body {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value.as_str() {
            Some(text) if FIELDS.contains(&name.as_str()) && !text.contains('@') => mark(text),
            _ => mark_fields(value),
        }),
        Value::Array(items) => items.iter().for_each(mark_fields),
        _ => {}
    }
}

pub(crate) fn mark(secret: &str) {
    if secret.len() < LENGTH_MIN {
        return;
    }
    with(|watched| {
        if !watched.marked.iter().any(|known| known == secret) {
            if watched.log.contains(secret) {
                watched.leaks.push(format!("{secret} had been logged"));
            }
            watched.marked.push(secret.to_owned());
        }
    });
}

/// Whether the log, as far as it is kept, holds a text that is no secret.
pub(crate) fn holds(text: &str) -> bool {
    with(|watched| watched.log.contains(text))
}

pub(crate) fn leaks() -> Vec<String> {
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
            if let Some(secret) = watched.marked.iter().find(|secret| line.contains(secret.as_str())) {
                watched.leaks.push(format!("{secret} was logged: {line}"));
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
