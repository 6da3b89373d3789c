//! The heart of a node's core, sans-IO: sessions, subscriptions, ordering, gap repair, rings, recovery, presence and bounded
//! queues in one plain state machine. Inputs and [`peal_core::Now`] go in; [`Action`]s and dirty connections come out. No clock, no I/O, no
//! lock, no async: the same code runs under tokio in `peal-edge` and under the seeded simulation in the tests.
//!
//! # How to drive it
//!
//! 1. Feed every input with the present time: [`Hub::open`], [`Hub::receive`], [`Hub::closed`], [`Hub::broker`],
//!    [`Hub::directory`], [`Hub::tick`] (at the latest at [`Hub::next_deadline`]).
//! 2. After any input, carry out what [`Hub::next_action`] yields until it is empty. Every request action is answered by exactly one [`BrokerEvent`] with
//!    the same [`RequestId`], at any later time and in any order. Publishes of one topic, and attaching to it and detaching from it, happen in the
//!    order in which they were yielded; an attach is always answered, and never asked for while an answer is outstanding.
//! 3. While there is [`Hub::has_work`] or [`Hub::has_dirty`], in turns and with pauses in which other inputs get in: call [`Hub::work`] until it
//!    answers false, each call a slice of the fan-outs; then write the queues of some connections that [`Hub::next_dirty`] yields. A connection
//!    is yielded once until it is dirty again. Apps take turns in both.
//!
//! # What it promises
//!
//! The same inputs give the same outputs, byte for byte: nothing depends on a clock, a hash order or a thread.
//!
//! Per topic and connection: in order, no duplicate, no silent gap (DESIGN 5.2). Nothing for a channel before the answer to its subscribe.
//! Every queue is bounded; control frames are never dropped. A connection that is closed leaves no subscription, member or timer.

pub mod action;
mod apps;
mod config;
mod connection;
pub mod control;
mod counts;
mod delivery;
pub mod event;
mod fair;
mod greeting;
mod hub;
mod keys;
mod liveness;
mod occupancy;
mod presence;
pub mod queue;
mod rate;
mod revocation;
mod session;
mod stream;
mod timer;
mod topic;
mod totals;
mod usage;

pub use action::{Action, RequestId};
pub use apps::retention;
pub use config::HubConfig;
pub use delivery::FanOutCounts;
pub use event::{BrokerEvent, Handle, Incoming, Open, Protocol};
pub use hub::Hub;
pub use liveness::Drain;
pub use occupancy::{HubCounts, Occupancy};
pub use queue::{Closing, OutQueue};
pub use totals::{Ending, GapCounts, HubTotals, Standing};
pub use usage::Weight;
