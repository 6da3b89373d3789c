//! What a hub has done since it began, for metrics: how connections began and ended, and what clients were refused. Plain integers, read
//! when somebody asks. Tenants are not told apart here; what apps use is in [`crate::usage`].

use peal_core::error::Retry;
use peal_core::usage::Protocol;
use peal_core::{ErrorCode, Refusal};
use peal_wire::native;

use crate::event::Handle;
use crate::hub::Hub;
use crate::session::Session;

/// Why accepted connections end, in classes that ask for different looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client said good-bye.
    Client,
    /// The transport was gone.
    Lost,
    /// We closed it, and the client should not come back unchanged.
    Refused,
    /// We closed it, and the client comes back after a pause.
    Backoff,
    /// We closed it, and the client comes back at once: its node goes, or it was too slow, or silent.
    Reconnect,
    /// We closed it, and the client comes back with a fresh token.
    FreshToken,
}

impl Ending {
    pub const ALL: [Self; 6] = [Self::Client, Self::Lost, Self::Refused, Self::Backoff, Self::Reconnect, Self::FreshToken];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Backoff => "backoff",
            Self::Reconnect => "reconnect",
            Self::FreshToken => "fresh_token",
        }
    }

    /// Of a close by us for this reason, or by the client for none.
    pub(crate) const fn of(why: Option<ErrorCode>) -> Self {
        match why {
            None => Self::Client,
            Some(why) => match why.info().retry {
                Retry::Never => Self::Refused,
                Retry::Backoff => Self::Backoff,
                Retry::Now => Self::Reconnect,
                Retry::FreshToken => Self::FreshToken,
            },
        }
    }
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its key or token is not accepted yet.
    Opening,
    Accepted,
    /// It is closing or gone: for this reason, if it was ours and is still known.
    Over(Option<ErrorCode>),
}

/// Gaps in the streams of this hub's topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GapCounts {
    /// Something had not arrived and was read.
    pub detected: u64,
    /// Of those, everything was there.
    pub repaired: u64,
    /// Of those, something is lost; subscribers were told.
    pub unrepaired: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubTotals {
    pub(crate) gaps: GapCounts,
    opened: [u64; Protocol::ALL.len()],
    closed: [[u64; Ending::ALL.len()]; Protocol::ALL.len()],
    refusals: [u64; ErrorCode::ALL.len()],
}

impl Default for HubTotals {
    fn default() -> Self {
        Self { gaps: GapCounts::default(), opened: Default::default(), closed: Default::default(), refusals: [0; ErrorCode::ALL.len()] }
    }
}

impl HubTotals {
    #[must_use]
    pub fn gaps(&self) -> GapCounts {
        self.gaps
    }

    /// Connections that were accepted.
    pub fn opened(&self) -> impl Iterator<Item = (Protocol, u64)> + '_ {
        Protocol::ALL.into_iter().map(|protocol| (protocol, self.opened[protocol as usize]))
    }

    /// Accepted connections that ended.
    pub fn closed(&self) -> impl Iterator<Item = (Protocol, Ending, u64)> + '_ {
        let each = |protocol| Ending::ALL.into_iter().map(move |ending| (protocol, ending));
        Protocol::ALL
            .into_iter()
            .flat_map(each)
            .map(|(protocol, ending)| (protocol, ending, self.closed[protocol as usize][ending as usize]))
    }

    /// What clients were refused at least once.
    pub fn refusals(&self) -> impl Iterator<Item = (ErrorCode, u64)> + '_ {
        ErrorCode::ALL.iter().map(|code| (*code, self.refusals[*code as usize])).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn open(&mut self, pusher: bool) {
        self.opened[protocol(pusher) as usize] += 1;
    }

    pub(crate) fn close(&mut self, session: &Session, ending: Ending) {
        let protocol = match session {
            Session::Pusher(_) => Protocol::Pusher,
            Session::Native(_) => Protocol::Native,
            Session::PusherOpening(_) | Session::NativeOpening(_) | Session::Over => return,
        };
        self.closed[protocol as usize][ending as usize] += 1;
    }

    pub(crate) fn refuse(&mut self, code: ErrorCode) {
        self.refusals[code as usize] += 1;
    }
}

fn protocol(pusher: bool) -> Protocol {
    if pusher { Protocol::Pusher } else { Protocol::Native }
}

impl Hub {
    #[must_use]
    pub fn totals(&self) -> &HubTotals {
        &self.totals
    }

    #[must_use]
    pub fn standing(&self, handle: Handle) -> Standing {
        let Some(connection) = self.connections.slot(handle).and_then(|slot| self.connections.get(slot)) else {
            return Standing::Over(None);
        };
        match &connection.session {
            Session::PusherOpening(_) | Session::NativeOpening(_) => Standing::Opening,
            Session::Pusher(_) | Session::Native(_) => Standing::Accepted,
            Session::Over => Standing::Over(connection.queue.closing().and_then(|closing| closing.why)),
        }
    }

    /// Answers a native request with a refusal.
    pub(crate) fn refuse_request(&mut self, slot: u32, request: u64, refusal: &Refusal) {
        self.totals.refuse(refusal.code);
        self.push(slot, native::encode_error_reply(request, refusal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_indexed_by_the_order_of_the_lists() {
        assert!(Ending::ALL.iter().enumerate().all(|(at, ending)| *ending as usize == at));
        assert!(ErrorCode::ALL.iter().enumerate().all(|(at, code)| *code as usize == at));
        assert!(Protocol::ALL.iter().enumerate().all(|(at, protocol)| *protocol as usize == at));
    }

    #[test]
    fn an_ending_says_what_the_client_will_do() {
        assert_eq!(Ending::of(None), Ending::Client);
        assert_eq!(Ending::of(Some(ErrorCode::ShuttingDown)), Ending::Reconnect);
        assert_eq!(Ending::of(Some(ErrorCode::TokenExpired)), Ending::FreshToken);
        assert_eq!(Ending::of(Some(ErrorCode::AppPaused)), Ending::Refused);
        assert_eq!(Ending::of(Some(ErrorCode::Overloaded)), Ending::Backoff);
    }
}
