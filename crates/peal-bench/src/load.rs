//! The load: one process, one epoll loop, every client of a scenario in it. It must cost less than the server it loads, so it parses
//! no JSON and allocates nothing per message.
//!
//! [`client`] holds the sockets and moves bytes; [`subscriber`] and [`publisher`] say what they mean; [`measure`] plays the scenarios.

mod client;
mod measure;
mod publisher;
mod subscriber;

use std::io;
use std::net::SocketAddr;

use crate::outcome::Outcome;
use crate::scenario::{Scale, Scenario};

/// Plays one scenario against a server. `pid` is the process whose clock and memory are read.
///
/// # Errors
/// The server cannot be reached, or does not do what it must within its time.
pub(crate) fn run(scenario: Scenario, scale: Scale, addr: SocketAddr, pid: u32) -> io::Result<Outcome> {
    crate::machine::raise_file_limit()?;
    measure::Measurement::new(scale, addr, pid)?.play(scenario)
}
