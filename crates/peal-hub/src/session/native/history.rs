//! `history` (protocol 2).

use peal_core::exchange::{BrokerError, HistoryPage, HistoryQuery};
use peal_core::{Operation, Refusal, Topic};
use peal_wire::native;

use crate::action::Action;
use crate::connection::Urgency;
use crate::delivery::{Pending, unavailable};
use crate::event::Handle;
use crate::hub::Hub;
use crate::usage::Weight;

/// What a publication costs in a reply beside its payload.
const OVERHEAD_BYTES: usize = 256;

impl Hub {
    pub(super) fn native_history(&mut self, slot: u32, id: u64, history: native::History) -> Result<(), Refusal> {
        let native::History { channel, limit, before, after, direction } = history;
        let app = self.native_allowed(slot, Operation::History, &channel)?;
        self.native_take_read(slot)?;
        let Some(handle) = self.connections.handle(slot) else { return Ok(()) };
        let request = self.request(Pending::NativeHistory { handle, reply: id });
        let query = HistoryQuery { topic: Topic::messages(app.id, channel), after, before, since_ms: None, direction, limit };
        self.act(Action::History { request, query });
        Ok(())
    }

    /// A reply is bounded in bytes as well: the rest is `more`.
    pub(crate) fn native_history_page(&mut self, handle: Handle, reply: u64, result: Result<HistoryPage, BrokerError>) {
        let Some(slot) = self.connections.slot(handle) else { return };
        let (frame, weight) = match result {
            Ok(page) => {
                let mut bytes = 0;
                let fits = |size: usize| {
                    bytes += size + OVERHEAD_BYTES;
                    bytes <= self.config.queue_soft_bytes
                };
                let fitting = page.publications.iter().map(|publication| publication.size()).map(fits).take_while(|fits| *fits).count();
                let count = fitting.max(1).min(page.publications.len());
                let more = page.more || count < page.publications.len();
                let returned = &page.publications[..count];
                let read: usize = returned.iter().map(|publication| publication.messages().len()).sum();
                (native::encode_history(reply, returned, more), Weight::Reads(read as u32))
            }
            Err(_) => return self.refuse_request(slot, reply, &unavailable()),
        };
        self.push_weighed(slot, frame, weight, Urgency::Prompt);
    }
}
