//! When a client is told that it is connected: not before this core hears the commands for its app.
//!
//! The first connection of an app makes the core attach to the app's control topic, and commands from before the attachment never arrive.
//! A client that were told at once could be disconnected, by a server that it told its id, through a command that nobody here hears. So the
//! greeting waits for the answer of the broker, whatever it is: while the broker is away there are no commands either.

use bytes::Bytes;
use peal_core::{Lane, Topic};

use crate::hub::Hub;

impl Hub {
    /// Sends a connection its greeting, as soon as the control topic of its app is attached.
    pub(crate) fn greet(&mut self, slot: u32, greeting: Bytes) {
        let Some(app) = self.connections.get(slot).and_then(|connection| connection.app) else { return };
        let control = self.topics.find(&Topic::control(app)).and_then(|index| self.topics.get(index));
        match self.connections.handle(slot) {
            // As many at most as open connections of the app.
            Some(handle) if control.is_some_and(|control| control.stream.is_attaching() && control.stream.last().is_none()) => {
                self.greetings.entry(app).or_default().push((handle, greeting));
            }
            _ => self.push(slot, greeting),
        }
    }

    /// The broker has answered an attachment.
    pub(crate) fn greet_those_who_wait(&mut self, topic: &Topic) {
        if topic.lane != Lane::Control || self.greetings.is_empty() {
            return;
        }
        for (handle, greeting) in self.greetings.remove(&topic.app).unwrap_or_default() {
            if let Some(slot) = self.connections.slot(handle)
                && self.connections.get(slot).is_some_and(|connection| !connection.is_over())
            {
                self.push(slot, greeting);
            }
        }
    }
}
