//! When to stop: the first Ctrl-C or SIGTERM asks, the second insists.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// From here on the process decides itself when it ends. Must be made within a runtime.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::because("cannot listen for signals", &error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The next request to stop. Cancellation-safe: a signal that arrives while nobody waits is kept.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
        }
    }

    /// Does the work of stopping, unless another signal comes first. Says whether it was done.
    pub(crate) async fn unless_again(&mut self, work: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = work => true,
            name = self.next() => {
                tracing::warn!(signal = name, "not waiting any longer");
                false
            }
        }
    }
}
