//! Which cores count subscriptions. Each that does is a member of one internal channel of the deployment, and so gone from it when it stops counting
//! or when its node's lease ends. A core that is alone there has nobody to tell anything.

use peal_core::id::Place;
use peal_core::{AppId, ChannelName, ConnectionId, Topic};
use rand::Rng;

use crate::hub::Hub;
use crate::presence::Observer;

/// A core that counts nothing any more stays for this long: the next subscription may come soon.
const LINGER_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: ConnectionId,
    /// When it is given up, if nothing is counted until then.
    pub(super) until_ms: Option<u64>,
    /// It has kept something to itself because it was alone.
    pub(super) silent: bool,
}

/// Of the one app id that is never given out.
fn cores() -> Option<Topic> {
    AppId::new(AppId::MAX).ok().map(|app| Topic::presence(app, ChannelName::cores()))
}

/// What the core knows of the others.
pub(super) enum Company {
    /// It has not entered, or has not seen who is there.
    Unknown,
    Alone,
    Others,
}

impl Hub {
    /// Takes a seat, or keeps the one that was about to be given up.
    pub(super) fn seat_take(&mut self) {
        if let Some(seat) = &mut self.counts.seat {
            seat.until_ms = None;
            return;
        }
        let Some(topic) = cores() else { return };
        let place = Place { node: self.config.node, core: self.config.core, slot: (1 << 24) - 1, generation: 0 };
        let id = ConnectionId::new(place, self.rng.next_u64());
        self.counts.seat = Some(Seat { id, until_ms: None, silent: false });
        self.observe(&topic, Observer::Core);
        self.member_enter_core(&topic, id);
    }

    /// Gives the seat up once nothing has been counted for a while.
    pub(super) fn seat_due(&mut self) {
        let now_ms = self.now.mono_ms;
        let needed = !self.counts.channels.is_empty() || self.counts.announce_ms.is_some();
        let Some(seat) = &mut self.counts.seat else { return };
        match seat.until_ms {
            _ if needed => seat.until_ms = None,
            None => seat.until_ms = Some(now_ms + LINGER_MS),
            Some(until_ms) if now_ms >= until_ms => {
                let id = seat.id;
                self.counts.seat = None;
                if let Some(topic) = cores() {
                    self.member_leave_core(&topic, id);
                    self.observe_end(&topic, Observer::Core);
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn company(&self) -> Company {
        let Some(seat) = &self.counts.seat else { return Company::Unknown };
        let audience = cores().and_then(|topic| self.topics.find(&topic)).and_then(|index| self.topics.get(index)?.presence());
        match audience.filter(|audience| audience.is_synced()) {
            Some(audience) if audience.view.member(seat.id).is_none() => Company::Unknown,
            Some(audience) if audience.view.members_count() == 1 => Company::Alone,
            Some(_) => Company::Others,
            None => Company::Unknown,
        }
    }

    /// Whether a core is known to count.
    pub(super) fn is_seated(&self, core: ConnectionId) -> bool {
        let audience = cores().and_then(|topic| self.topics.find(&topic)).and_then(|index| self.topics.get(index)?.presence());
        audience.is_some_and(|audience| audience.view.member(core).is_some())
    }
}
