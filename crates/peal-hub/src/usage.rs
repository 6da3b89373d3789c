//! What connections use (docs/counting.md). Counted here, and nowhere else: what connections publish and are sent, their presence changes,
//! their history reads, their time. What servers do over HTTP never passes a hub and is counted by the edge.
//!
//! Sending is counted when it has happened: a queued frame carries its [`Weight`], and when the socket has taken its last byte the connection's
//! account is charged. A connection of the dashboard's own inspector has no account, and so counts nothing.

use peal_core::exchange::{BrokerError, Published};
use peal_core::usage::{Account, Charge, Collected, Counters, Metric, Protocol, Transport};
use peal_core::{AppId, ChannelName, Now, Publication, Refusal};

use crate::hub::Hub;
use crate::session::Session;
use crate::session::native::Authority;

/// What a frame counts as once it has left completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weight {
    #[default]
    Nothing,
    /// A message of so many bytes of name and data, in a namespace.
    Message { bytes: u32, namespace: u16 },
    /// So many messages of the history.
    Reads(u32),
    /// Presence changes, in a namespace.
    Presence { namespace: u16 },
}

/// What a publish under way will count as if it is accepted.
#[derive(Debug)]
pub(crate) struct Ingress {
    charge: Charge,
    channel: ChannelName,
    bytes: usize,
}

/// A connection's account, and what is counted once per second of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tab {
    account: Option<Account>,
    /// The Unix second in which presence changes were last counted.
    presence_s: u32,
}

impl Tab {
    /// A frame has left completely.
    pub(crate) fn sent(&mut self, counters: &mut Counters, now: Now, weight: Weight) {
        let Some(account) = self.account else { return };
        match weight {
            Weight::Nothing => {}
            Weight::Message { bytes, namespace } => counters.message_out(now, account, namespace, bytes as usize),
            Weight::Reads(count) => counters.add(now, account, Metric::HistoryReads, u64::from(count)),
            Weight::Presence { namespace } => {
                let second = now.wall_s() as u32;
                if std::mem::replace(&mut self.presence_s, second) != second {
                    counters.presence_out(now, account, namespace);
                }
            }
        }
    }

    /// The connection is gone from the hub.
    pub(crate) fn release(self, counters: &mut Counters) {
        if let Some(account) = self.account {
            counters.release(account);
        }
    }
}

/// A publication as a message to be sent.
pub(crate) fn message_weight(counters: &mut Counters, now: Now, app: AppId, channel: &ChannelName, publication: &Publication) -> Weight {
    Weight::Message { bytes: publication.size() as u32, namespace: counters.namespace(now, app, channel.namespace()) }
}

/// A publication as a message of the history.
pub(crate) fn read_weight(publication: &Publication) -> Weight {
    Weight::Reads(publication.messages().len() as u32)
}

impl Hub {
    /// Takes everything that was counted since the last time.
    pub fn usage(&mut self, now: Now) -> Collected {
        self.now = now;
        self.counters.collect(now)
    }

    /// Changes of the members that a topic tells of.
    pub(crate) fn presence_weight(&mut self, watch: u32) -> Option<Weight> {
        let topic = &self.topics.get(watch)?.topic;
        let namespace = topic.channel().and_then(ChannelName::namespace);
        Some(Weight::Presence { namespace: self.counters.namespace(self.now, topic.app, namespace) })
    }

    /// A connection has been accepted. Beforehand it counts nothing.
    pub(crate) fn tab_open(&mut self, slot: u32) {
        let charge = self.charge(slot);
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.tab.account = charge.map(|charge| self.counters.connect(self.now, &charge));
        }
    }

    /// It goes on with other credentials. It is no second connection, unless it was free until now or is from now on.
    pub(crate) fn tab_renew(&mut self, slot: u32) {
        let charge = self.charge(slot);
        let Some(account) = self.connections.get(slot).map(|connection| connection.tab.account) else { return };
        let renewed = match (account, charge) {
            (Some(account), Some(charge)) => Some(self.counters.renew(self.now, account, &charge)),
            (Some(account), None) => {
                self.counters.disconnect(self.now, account);
                self.counters.release(account);
                None
            }
            (None, charge) => charge.map(|charge| self.counters.connect(self.now, &charge)),
        };
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.tab.account = renewed;
        }
    }

    /// The connection's time ends; what is still in its queue counts when it leaves.
    pub(crate) fn tab_close(&mut self, slot: u32) {
        if let Some(account) = self.connections.get(slot).and_then(|connection| connection.tab.account) {
            self.counters.disconnect(self.now, account);
        }
    }

    /// Whom a connection's doings are charged to; `None` if they are free.
    pub(crate) fn charge(&self, slot: u32) -> Option<Charge> {
        let connection = self.connections.get(slot)?;
        let (key, protocol) = match &connection.session {
            Session::Pusher(session) => (&session.key, Protocol::Pusher),
            Session::Native(session) => match &session.authority {
                Authority::Token(token) if token.console => return None,
                authority => (authority.key(), Protocol::Native),
            },
            Session::PusherOpening(_) | Session::NativeOpening(_) | Session::Over => return None,
        };
        Some(Charge { app: connection.app?, key: key.clone(), transport: Transport::WebSocket, protocol })
    }

    /// For a publish on its way to the broker.
    pub(crate) fn ingress(&self, slot: u32, channel: &ChannelName, bytes: usize) -> Option<Box<Ingress>> {
        self.charge(slot).map(|charge| Box::new(Ingress { charge, channel: channel.clone(), bytes }))
    }

    pub(crate) fn count_published(&mut self, ingress: Option<Box<Ingress>>, result: &Result<Published, BrokerError>) {
        // What is stored counts, whether or not it was confirmed; its repeat is a duplicate.
        let (Ok(published) | Err(BrokerError::Unconfirmed(published))) = result else { return };
        if let (Some(ingress), false) = (ingress, published.duplicate) {
            self.counters.message_in(self.now, &ingress.charge, ingress.channel.namespace(), ingress.bytes);
        }
    }

    pub(crate) fn count_presence_change(&mut self, charge: &Charge, channel: Option<&ChannelName>) {
        self.counters.presence_in(self.now, charge, channel.and_then(ChannelName::namespace));
    }

    /// Publishes and presence changes that came too fast, and publishes that the month's quota no longer lets through.
    pub(crate) fn count_refused(&mut self, slot: u32, refusal: &Refusal) {
        let account = self.connections.get(slot).and_then(|connection| connection.tab.account);
        if let (Some(metric), Some(account)) = (Metric::of_refusal(refusal.code), account) {
            self.counters.add(self.now, account, metric, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_frame_and_connection_carries_is_small() {
        assert_eq!(size_of::<Weight>(), 8);
        assert!(size_of::<Tab>() <= 16, "{} bytes", size_of::<Tab>());
    }
}
