//! The topics this core is attached to, each with its stream and those who listen.

use peal_core::{ChannelName, Lane, Topic};
use rustc_hash::FxHashMap;
use slab::Slab;

use crate::delivery::Backlog;
use crate::presence::PresenceAudience;
use crate::stream::Stream;

/// How far a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not answered yet: gets nothing.
    Joining,
    /// Answered; what it gets comes from the ring or the history until it has caught up.
    CatchingUp,
    /// Gets every publication as it is released.
    Live,
}

/// A channel's side of a subscription; the other side is [`crate::connection::Sub`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscriber {
    pub(crate) slot: u32,
    pub(crate) stage: Stage,
    pub(crate) pusher: bool,
    /// It became live after so many releases, and has what they brought.
    pub(crate) since: u64,
}

#[derive(Debug)]
pub(crate) struct MessagesAudience {
    pub(crate) channel: ChannelName,
    pub(crate) subscribers: Vec<Subscriber>,
    /// How many of them are not live.
    pub(crate) unsettled: usize,
    /// What the stream has released while somebody subscribed, counted.
    pub(crate) released: u64,
    /// What of that has not reached everyone.
    pub(crate) backlog: Option<Box<Backlog>>,
}

impl MessagesAudience {
    fn new(channel: ChannelName) -> Self {
        Self { channel, subscribers: Vec::new(), unsettled: 0, released: 0, backlog: None }
    }

    /// How many subscriptions have been answered.
    pub(crate) fn answered(&self) -> usize {
        self.subscribers.iter().filter(|subscriber| subscriber.stage != Stage::Joining).count()
    }
}

#[derive(Debug)]
pub(crate) enum Audience {
    Messages(MessagesAudience),
    Presence(Box<PresenceAudience>),
    /// The hub itself, while the app has connections here.
    Control {
        wanted: bool,
    },
}

impl Audience {
    fn of(lane: &Lane) -> Self {
        match lane {
            Lane::Messages(channel) => Self::Messages(MessagesAudience::new(channel.clone())),
            Lane::Presence(channel) => Self::Presence(Box::new(PresenceAudience::new(channel.clone()))),
            Lane::Control => Self::Control { wanted: true },
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Messages(audience) => audience.subscribers.is_empty(),
            Self::Presence(audience) => audience.is_idle(),
            Self::Control { wanted } => !wanted,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    Open,
    /// Some of it is lost for good.
    Lossy,
}

#[derive(Debug)]
pub(crate) struct TopicEntry {
    pub(crate) topic: Topic,
    pub(crate) stream: Stream,
    pub(crate) audience: Audience,
    /// Tells this entry from others that had its index before.
    serial: u64,
    pub(crate) timer: Option<u64>,
    /// The last pause before a question was asked again; 0 if the last one was answered.
    pub(crate) pause_ms: u64,
    /// The broker acknowledged a publication up to here to this hub; it must arrive.
    pub(crate) expected: Option<peal_core::Position>,
    /// Something is missing and being read.
    pub(crate) gap: Option<Gap>,
}

impl TopicEntry {
    pub(crate) fn messages(&self) -> Option<&MessagesAudience> {
        match &self.audience {
            Audience::Messages(audience) => Some(audience),
            _ => None,
        }
    }

    pub(crate) fn messages_mut(&mut self) -> Option<&mut MessagesAudience> {
        match &mut self.audience {
            Audience::Messages(audience) => Some(audience),
            _ => None,
        }
    }

    pub(crate) fn presence(&self) -> Option<&PresenceAudience> {
        match &self.audience {
            Audience::Presence(audience) => Some(audience),
            _ => None,
        }
    }

    pub(crate) fn presence_mut(&mut self) -> Option<&mut PresenceAudience> {
        match &mut self.audience {
            Audience::Presence(audience) => Some(audience),
            _ => None,
        }
    }
}

/// A topic for whoever must find it again later, when its index may have a new owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TopicRef {
    index: u32,
    serial: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Topics {
    slab: Slab<TopicEntry>,
    index: FxHashMap<Topic, u32>,
    serial: u64,
}

impl Topics {
    /// The index of a topic, and whether it was made by this call (then the broker must be asked to attach).
    pub(crate) fn ensure(&mut self, topic: &Topic) -> (u32, bool) {
        if let Some(index) = self.index.get(topic) {
            return (*index, false);
        }
        self.serial += 1;
        let index = self.slab.insert(TopicEntry {
            topic: topic.clone(),
            stream: Stream::new(),
            audience: Audience::of(&topic.lane),
            serial: self.serial,
            timer: None,
            pause_ms: 0,
            expected: None,
            gap: None,
        }) as u32;
        self.index.insert(topic.clone(), index);
        (index, true)
    }

    pub(crate) fn find(&self, topic: &Topic) -> Option<u32> {
        self.index.get(topic).copied()
    }

    pub(crate) fn get(&self, index: u32) -> Option<&TopicEntry> {
        self.slab.get(index as usize)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut TopicEntry> {
        self.slab.get_mut(index as usize)
    }

    pub(crate) fn reference(&self, index: u32) -> TopicRef {
        TopicRef { index, serial: self.get(index).map_or(0, |entry| entry.serial) }
    }

    pub(crate) fn resolve(&self, reference: TopicRef) -> Option<u32> {
        self.get(reference.index).filter(|entry| entry.serial == reference.serial).map(|_| reference.index)
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<TopicEntry> {
        let entry = self.slab.try_remove(index as usize)?;
        self.index.remove(&entry.topic);
        Some(entry)
    }

    pub(crate) fn indices(&self) -> Vec<u32> {
        self.slab.iter().map(|(index, _)| index as u32).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TopicEntry> {
        self.slab.iter().map(|(_, entry)| entry)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut TopicEntry> {
        self.slab.iter_mut().map(|(_, entry)| entry)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}
