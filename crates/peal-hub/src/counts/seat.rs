//! Which cores count subscriptions. Each that does is a member of one internal channel of the deployment, and so gone from it when it stops counting
//! or when its node's lease ends. A core that is alone there has nobody to tell anything.

use peal_core::id::Place;
use peal_core::{AppId, ChannelName, ConnectionId, Topic};
use rand::Rng;

use crate::hub::Hub;
use crate::presence::{Observer, View};

/// A core that counts nothing any more stays for this long: the next subscription may come soon.
const LINGER_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: ConnectionId,
    topic: Topic,
    /// When it is given up, if nothing is counted until then.
    pub(super) until_ms: Option<u64>,
    /// It has kept something to itself because it was alone.
    pub(super) silent: bool,
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
        // The one app id that is never given out.
        let Ok(app) = AppId::new(AppId::MAX) else { return };
        let topic = Topic::presence(app, ChannelName::cores());
        let place = Place { node: self.config.node, core: self.config.core, slot: (1 << 24) - 1, generation: 0 };
        let id = ConnectionId::new(place, self.rng.next_u64());
        self.counts.seat = Some(Seat { id, topic: topic.clone(), until_ms: None, silent: false });
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
                if let Some(Seat { id, topic, .. }) = self.counts.seat.take() {
                    self.member_leave_core(&topic, id);
                    self.observe_end(&topic, Observer::Core);
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn company(&self) -> Company {
        match (self.counts.seat.as_ref(), self.seats()) {
            (Some(seat), Some(view)) if view.member(seat.id).is_some() => {
                if view.members_count() == 1 {
                    Company::Alone
                } else {
                    Company::Others
                }
            }
            _ => Company::Unknown,
        }
    }

    /// Whether there is nobody to tell, as far as this core knows. Then it owes whoever comes everything.
    pub(super) fn keeps_silent(&mut self) -> bool {
        let alone = matches!(self.company(), Company::Alone);
        if let Some(seat) = &mut self.counts.seat {
            seat.silent |= alone;
        }
        alone
    }

    /// Whether a core is known to count.
    pub(super) fn is_seated(&self, core: ConnectionId) -> bool {
        self.seats().is_some_and(|view| view.member(core).is_some())
    }

    /// Who counts; nothing until it has been loaded.
    fn seats(&self) -> Option<&View> {
        let index = self.topics.find(&self.counts.seat.as_ref()?.topic)?;
        self.topics.get(index)?.presence().filter(|audience| audience.is_synced()).map(|audience| &audience.view)
    }
}
