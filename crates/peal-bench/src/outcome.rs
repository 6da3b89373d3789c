//! What one load process reports to the process that compares.

use serde::{Deserialize, Serialize};

use crate::machine::CpuSpan;
use crate::sequence::Faults;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Connections, cycles, deliveries, publishes or events in the measured window.
    pub(crate) units: u64,
    /// What the server used in that window.
    pub(crate) cpu: CpuSpan,
    pub(crate) seconds: f64,
    /// How much of the window the load process itself was running: near 1 it may be the bottleneck.
    pub(crate) client_busy: f64,
    pub(crate) latency_ms: Option<Latency>,
    /// The same before others disturbed it, where that is compared.
    pub(crate) undisturbed_ms: Option<Latency>,
    /// Publishes beyond a rate that were refused in the window.
    pub(crate) refused: u64,
    pub(crate) memory: Option<Memory>,
    pub(crate) faults: Faults,
}

/// From the moment a publish is sent until a subscriber has read it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Bytes of proportional set size for each connection beyond the base.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) idle: f64,
    /// After each has sent a message of 8 KB; `None` where that is not looked at.
    pub(crate) after_message: Option<f64>,
    /// And after each has received ten messages of 1 KB.
    pub(crate) after_burst: Option<f64>,
    /// Of the process, with the base connections only.
    pub(crate) base: f64,
}

impl Outcome {
    /// CPU microseconds per unit.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.ns as f64 / 1_000.0 / self.units.max(1) as f64
    }

    pub(crate) fn rate(&self) -> f64 {
        self.units as f64 / self.seconds.max(f64::EPSILON)
    }
}
