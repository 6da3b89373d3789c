//! One look at the server: what the kernel says of its process, and what it says of itself on `/metrics`.

use std::fs;
use std::io;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::fleet::get;
use crate::machine;
use crate::run::server::Server;

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) at_s: f64,
    pub(super) pss_bytes: u64,
    pub(super) rss_bytes: u64,
    /// In use, and held by the allocator.
    pub(super) heap_bytes: u64,
    pub(super) held_bytes: u64,
    pub(super) tasks: u64,
    pub(super) files: u64,
    pub(super) connections: u64,
    pub(super) subscriptions: u64,
    /// Streams of channels with local subscribers.
    pub(super) topics: u64,
    pub(super) members: u64,
    pub(super) timers: u64,
    pub(super) queued_bytes: u64,
}

pub(super) struct Sampler {
    pid: u32,
    url: String,
}

impl Sampler {
    pub(super) fn new(server: &Server) -> io::Result<Self> {
        Ok(Self { pid: server.pid(), url: format!("{}/metrics", server.admin_url()) })
    }

    pub(super) async fn look(&self, began: Instant) -> io::Result<Sample> {
        let (pid, url) = (self.pid, self.url.clone());
        tokio::task::spawn_blocking(move || {
            let (status, text) = get(&url)?;
            if status != 200 {
                return Err(io::Error::other(format!("/metrics answers {status}")));
            }
            Ok(Sample {
                at_s: began.elapsed().as_secs_f64(),
                pss_bytes: machine::pss_bytes(pid)?,
                rss_bytes: machine::rss_bytes(pid)?,
                files: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
                ..of(&text)?
            })
        })
        .await
        .map_err(io::Error::other)?
    }
}

fn of(text: &str) -> io::Result<Sample> {
    let hub = |kind: &str| sum(text, &format!("kind=\"{kind}\"}}"), "peal_hub{");
    let sample = || {
        Some(Sample {
            heap_bytes: sum(text, "", "peal_memory_allocated_bytes")?,
            held_bytes: sum(text, "", "peal_memory_resident_bytes")?,
            tasks: sum(text, "", "peal_tasks{")?,
            connections: hub("connections")?,
            subscriptions: hub("subscriptions")?,
            topics: hub("topics")?,
            members: hub("members")?,
            timers: hub("timers")?,
            queued_bytes: hub("queued_bytes")?,
            ..Sample::default()
        })
    };
    sample().ok_or_else(|| io::Error::other("/metrics lacks a number that a soak needs; is the server older than this program?"))
}

/// Over cores and runtimes; `None` if there is no such line.
fn sum(text: &str, part: &str, name: &str) -> Option<u64> {
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(part));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    values.fold(None, |total, value| Some(total.unwrap_or(0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_name_are_added_up() {
        let text =
            "# TYPE peal_tasks gauge\npeal_tasks{runtime=\"a\"} 3\npeal_tasks{runtime=\"b\"} 4\npeal_hub{core=\"0\",kind=\"topics\"} 5\n";
        assert_eq!(sum(text, "", "peal_tasks{"), Some(7));
        assert_eq!(sum(text, "kind=\"topics\"}", "peal_hub{"), Some(5));
        assert_eq!(sum(text, "", "peal_nothing"), None);
        assert!(of(text).is_err());
    }
}
