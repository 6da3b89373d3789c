//! What the clients of a soak share: where the server is, when to stop, and what was done. And the publisher of the shared channels.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use peal_client::rest::{Outgoing, Rest};
use peal_client::{Claims, HistoryOptions, mint_token};
use peal_core::Capabilities;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::run::server::Server;
use crate::sign::{KEY, SECRET};
use crate::storm::{Numbered, Seen};

/// Channels that everybody shares.
const SHARED: usize = 5;
const TOKEN_LIFETIME_S: u64 = 3_600;
/// One in so many publishes is followed by a read of the channel's history.
const HISTORY_EVERY: u64 = 10;

#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) url: String,
    pub(super) addr: SocketAddr,
    pub(super) rest: Arc<Rest>,
}

impl Place {
    pub(super) fn of(server: &Server) -> io::Result<Self> {
        let url = format!("http://{}", server.addr());
        let rest = Arc::new(Rest::new(&url, KEY, SECRET).map_err(io::Error::other)?);
        Ok(Self { url, addr: server.addr(), rest })
    }

    /// A token for everything.
    pub(super) fn token(&self, client: &str) -> Result<String, String> {
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = Claims {
            sub: Some(client.into()),
            cap: Some(Capabilities::all()),
            exp: now_s + TOKEN_LIFETIME_S,
            iat: Some(now_s),
            ..Claims::default()
        };
        let key = KEY.parse().map_err(|_| "the key of the benchmarks is not valid".to_owned())?;
        mint_token(&key, &SECRET.into(), &claims).map_err(|error| error.to_string())
    }
}

pub(super) fn shared(number: usize) -> String {
    format!("soak.{}", number % SHARED)
}

/// What was done, in all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) visits: u64,
    pub(super) cuts: u64,
    pub(super) published: u64,
    pub(super) flooded: u64,
    pub(super) history_pages: u64,
    /// Messages that visitors got; those of the resumers are in `seen`.
    pub(super) received: u64,
    /// Pusher clients that did not read and were closed for it; native ones that did not and went on.
    pub(super) slow_closed: u64,
    pub(super) slow_went_on: u64,
    pub(super) failures: u64,
    pub(super) last_failure: String,
    pub(super) seen: Seen,
}

#[derive(Debug, Clone)]
pub(super) struct Work(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    duration: Duration,
    stopped: AtomicBool,
    stopping: Notify,
    /// Resumers that have subscribed once.
    live: AtomicUsize,
    /// How many messages each shared channel got, once there will be no more.
    totals: Mutex<Option<Vec<u64>>>,
    visits: AtomicU64,
    /// Written a few times a second.
    done: Mutex<Done>,
}

impl Work {
    pub(super) fn new(minutes: f64) -> Self {
        Self(Arc::new(Shared {
            duration: Duration::from_secs_f64(minutes * 60.0),
            stopped: AtomicBool::new(false),
            stopping: Notify::new(),
            live: AtomicUsize::new(0),
            totals: Mutex::new(None),
            visits: AtomicU64::new(0),
            done: Mutex::new(Done::default()),
        }))
    }

    pub(super) fn duration(&self) -> Duration {
        self.0.duration
    }

    pub(super) fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        self.0.stopping.notify_waiters();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Whoever stays somewhere leaves when the soak is over.
    pub(super) async fn pause(&self, time: Duration) {
        let stopping = self.0.stopping.notified();
        if !self.is_stopped() {
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                () = stopping => {}
            }
        }
    }

    pub(super) fn is_live(&self) {
        self.0.live.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn live(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// A number that no other visit has.
    pub(super) fn visit(&self) -> u64 {
        self.count(|done| done.visits += 1);
        self.0.visits.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Done)) {
        count(&mut self.0.done.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn failed(&self, why: String) {
        self.count(|done| {
            done.failures += 1;
            done.last_failure = why;
        });
    }

    /// How many messages this shared channel got in all; `None` while it may get more.
    pub(super) fn total(&self, number: usize) -> Option<u64> {
        self.0.totals.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|totals| totals[number % SHARED])
    }

    pub(super) fn done(&self) -> Done {
        self.0.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Numbered messages to the shared channels, over REST and kept, with a look into their history now and then.
pub(super) async fn publish(place: Place, work: Work, rate: u32) {
    let mut totals = vec![0; SHARED];
    let mut every = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut count = 0;
    while !work.is_stopped() {
        every.tick().await;
        count += 1;
        let number = count as usize % SHARED;
        let n = totals[number] + 1;
        let channel = shared(number);
        let body = serde_json::to_value(Numbered { n }).unwrap_or_default();
        match place.rest.publish(&channel, &Outgoing { id: Some(format!("{number}-{n}")), ..Outgoing::new("n", body) }).await {
            Ok(_) => {
                totals[number] = n;
                work.count(|done| done.published += 1);
            }
            Err(error) => work.failed(format!("publish: {error}")),
        }
        if count % HISTORY_EVERY == 0 {
            match place.rest.history(&channel, HistoryOptions::default()).await {
                Ok(_) => work.count(|done| done.history_pages += 1),
                Err(error) => work.failed(format!("history: {error}")),
            }
        }
    }
    *work.0.totals.lock().unwrap_or_else(PoisonError::into_inner) = Some(totals);
}
