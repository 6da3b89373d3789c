//! What the allocator has handed out and what it holds, as metrics: memory that grows is seen here apart from what the allocator keeps
//! for later.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Error, IntGauge};
use tikv_jemalloc_ctl::{epoch, stats};

pub(crate) struct Memory {
    allocated: IntGauge,
    resident: IntGauge,
}

impl Memory {
    /// # Errors
    /// A name that is not valid, which is a mistake in this file.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            allocated: IntGauge::new("memory_allocated_bytes", "Bytes in use by the process, as its allocator counts them")?,
            resident: IntGauge::new(
                "memory_resident_bytes",
                "Bytes of physical memory that the allocator holds, those kept for later included",
            )?,
        })
    }
}

impl Collector for Memory {
    fn desc(&self) -> Vec<&Desc> {
        self.allocated.desc().into_iter().chain(self.resident.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The allocator's numbers are as of the last epoch.
        let read = epoch::advance().and_then(|_| Ok((stats::allocated::read()?, stats::resident::read()?)));
        match read {
            Ok((allocated, resident)) => {
                self.allocated.set(allocated as i64);
                self.resident.set(resident as i64);
                self.allocated.collect().into_iter().chain(self.resident.collect()).collect()
            }
            // Better no number than an old one.
            Err(error) => {
                tracing::warn!(%error, "the allocator does not say what it holds");
                Vec::new()
            }
        }
    }
}
