//! When to stop: the first Ctrl-C or SIGTERM asks, the second insists.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// From here on the process decides itself when it ends. Must be made within a runtime.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` under `nohup`, which asks for going on when the terminal goes.
    hang_up: Option<Signal>,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::because("cannot listen for signals", &error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: if hang_up_is_ignored() { None } else { Some(listen(SignalKind::hangup())?) },
        })
    }

    /// The next request to stop. Cancellation-safe: a signal that arrives while nobody waits is kept.
    pub(crate) async fn next(&mut self) -> &'static str {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hang_up => "SIGHUP",
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

/// Whether whoever started us chose so. Where the kernel does not tell, nobody did.
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 != 0)
}
