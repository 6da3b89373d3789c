//! What this node tells the others about the limits of its apps, and what it makes of what they tell: [`peal_core::share`] with the gates.
//!
//! A report is the content of the node's probe, which every node hears anyway. The memory broker's only node hears nobody but itself, and has the whole of
//! every limit.

use std::sync::Arc;

use bytes::Bytes;
use peal_core::Now;
use peal_core::share::{Others, Report};

use crate::directory::DirectoryHandle;

const PERIOD_S: u32 = (peal_core::share::PERIOD_MS / 1_000) as u32;

#[derive(Debug)]
pub(crate) struct Shares {
    directory: DirectoryHandle,
    others: Others,
}

impl Shares {
    pub(crate) fn new(directory: DirectoryHandle) -> Self {
        Self { directory, others: Others::default() }
    }

    /// Another node's probe has come. A backlog holds at once, so that it is known everywhere within a period; the rest waits for the next tick.
    pub(crate) fn hear(&mut self, now: Now, node: &Arc<str>, probe: &Bytes) {
        let Some(report) = Report::decode(probe) else { return };
        let directory = self.directory.current();
        for (app, debt) in report.debts() {
            if let Some(gate) = directory.gate(app) {
                gate.set_debt_elsewhere(debt);
            }
        }
        self.others.hear(now.mono_ms, node, report);
    }

    /// A period is over: sets this node's part of every limit, and answers what the others are to know.
    pub(crate) fn tick(&mut self, now: Now) -> Bytes {
        self.others.forget_silent(now.mono_ms);
        let directory = self.directory.current();
        let mut matters = Vec::new();
        for app in directory.apps() {
            let Some(gate) = directory.gate(app.id) else { continue };
            let (per_second, connections) = (app.limits.messages_per_second, app.limits.connections);
            let mut demand = gate.take_demand();
            // Who asks for more than there is gets no larger part by it.
            demand.asked = demand.asked.min(per_second.map_or(u32::MAX, |per_second| per_second.saturating_mul(PERIOD_S)));
            let elsewhere = self.others.of(app.id);
            gate.set_elsewhere(now.mono_ms, per_second, &elsewhere, elsewhere.share(demand.asked));
            if demand.matters(per_second, connections) {
                matters.push((app.id, demand));
            }
        }
        Report::new(matters).encode().into()
    }
}
