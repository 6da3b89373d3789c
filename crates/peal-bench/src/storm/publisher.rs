//! The steady publish. Each message carries its number in its channel and a message id, so that one whose answer was lost can be sent
//! again, to another edge, without being doubled.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::client::Numbered;
use super::crowd::channel;
use crate::fleet::Layout;
use crate::wire;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Before the same message is tried at the next edge.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// A message that nobody takes for so long is the end of the storm.
const GIVE_UP: Duration = Duration::from_secs(60);

pub(super) struct Publisher {
    stop: Arc<AtomicBool>,
    /// Every channel has a message.
    began: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Published>>,
}

#[derive(Debug, Default)]
pub(super) struct Published {
    /// By channel.
    pub(super) totals: BTreeMap<String, u64>,
    /// Attempts that were not answered with success.
    pub(super) retries: u64,
    /// The longest time from a first attempt to its success.
    pub(super) pause_ms: u64,
}

struct Work {
    addrs: Vec<SocketAddr>,
    turn: usize,
    connection: Option<TcpStream>,
    authorization: String,
}

impl Publisher {
    pub(super) fn start(urls: &[String], layout: &Layout, run: &str, channels: usize, rate: u32) -> io::Result<Self> {
        let addr = |url: &String| url.trim_start_matches("http://").parse().map_err(|_| io::Error::other(format!("{url} is no address")));
        let addrs = urls.iter().map(addr).collect::<io::Result<_>>()?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{}", layout.key, layout.secret)));
        let work = Work { addrs, turn: 0, connection: None, authorization };
        let channels = (0..channels).map(|number| channel(run, number)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let began = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (stopped, begun) = (Arc::clone(&stop), Arc::clone(&began));
            move || work.run(channels, Duration::from_secs(1) / rate, &stopped, &begun)
        });
        Ok(Self { stop, began, thread })
    }

    /// Whether every channel has a message, or there will be none.
    pub(super) fn has_begun(&self) -> bool {
        self.began.load(Ordering::Relaxed) || self.thread.is_finished()
    }

    pub(super) fn stop(self) -> io::Result<Published> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the publisher panicked"))?
    }
}

impl Work {
    /// At least one for each channel.
    fn run(mut self, channels: Vec<String>, every: Duration, stopped: &AtomicBool, begun: &AtomicBool) -> io::Result<Published> {
        let mut published = Published::default();
        let mut due = Instant::now();
        for (count, channel) in channels.iter().cycle().enumerate() {
            if count >= channels.len() {
                begun.store(true, Ordering::Relaxed);
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
            }
            let number = published.totals.entry(channel.clone()).or_default();
            *number += 1;
            let request = self.request(channel, *number)?;
            let began = Instant::now();
            while !self.attempt(&request) {
                published.retries += 1;
                if began.elapsed() > GIVE_UP {
                    return Err(io::Error::other("no edge takes a publish"));
                }
                std::thread::sleep(RETRY_AFTER);
            }
            published.pause_ms = published.pause_ms.max(began.elapsed().as_millis() as u64);
            due += every;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(published)
    }

    fn request(&self, channel: &str, number: u64) -> io::Result<Vec<u8>> {
        let data = serde_json::to_value(Numbered { n: number })?;
        let body = serde_json::json!({"data": data, "id": format!("{channel}-{number}")}).to_string();
        let head = format!(
            "POST /v1/channels/{channel}/messages HTTP/1.1\r\nHost: peal.test\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.authorization,
            body.len()
        );
        Ok((head + &body).into_bytes())
    }

    /// Whether it was taken. After a failure the next attempt goes to the next edge.
    fn attempt(&mut self, request: &[u8]) -> bool {
        let answered = self.exchange(request);
        if !matches!(answered, Ok(true)) {
            self.connection = None;
            self.turn += 1;
        }
        matches!(answered, Ok(true))
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<bool> {
        if self.connection.is_none() {
            let stream = TcpStream::connect_timeout(&self.addrs[self.turn % self.addrs.len()], ANSWER_WITHIN)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(ANSWER_WITHIN))?;
            self.connection = Some(stream);
        }
        let Some(stream) = &mut self.connection else { return Ok(false) };
        stream.write_all(request)?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&buffer[..count]);
            if let Some((status, _)) = wire::answer(&bytes) {
                if wire::find(&bytes, b"connection: close").is_some() {
                    // The edge drains: the next publish goes elsewhere.
                    self.connection = None;
                    self.turn += 1;
                }
                return Ok(status == 200);
            }
        }
    }
}
