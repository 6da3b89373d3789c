//! What one client address may do before anybody knows whose it is. The numbers are an operator's, not a plan's: there is no app yet.
//!
//! An IPv4 address is judged by itself. Of an IPv6 address whoever owns it may use any in its /64, so that is judged, and beside it the
//! /48 around it, with [`NETWORK_FACTOR`] times as much: it may be one customer with 65,536 of the former, or a city's telephones.

use std::num::NonZeroU32;

/// So many seconds' worth of a rate may come at once: an office comes back together after a cut.
pub const BURST_S: u32 = 20;
/// How much more a /48 may do than one address.
pub const NETWORK_FACTOR: u32 = 10;
/// Beyond so many times the limit a socket is not even told why.
pub const HARD_FACTOR: u32 = 2;

/// `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressLimits {
    /// WebSockets opened per second.
    pub opens_per_second: Option<NonZeroU32>,
    /// Failed authentications per second.
    pub failures_per_second: Option<NonZeroU32>,
    /// Open sockets that have not authenticated.
    pub unauthenticated: Option<NonZeroU32>,
}

const fn some(value: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(value)
}

impl AddressLimits {
    /// They stop a flood, and an office of two thousand behind one address comes back from a cut without noticing them.
    pub const DEFAULT: Self = Self { opens_per_second: some(100), failures_per_second: some(10), unauthenticated: some(500) };
    pub const NONE: Self = Self { opens_per_second: None, failures_per_second: None, unauthenticated: None };
}

/// One of these limits, as the documentation tells of it.
pub struct AddressLimitInfo {
    /// As in the configuration.
    pub setting: &'static str,
    pub title: &'static str,
    pub value: Option<NonZeroU32>,
    /// It is a rate, of which [`BURST_S`] seconds' worth may come at once.
    pub is_rate: bool,
    pub when_reached: &'static str,
}

pub const ADDRESS_LIMITS: &[AddressLimitInfo] = &[
    AddressLimitInfo {
        setting: "address_opens_per_second",
        title: "WebSockets opened per second",
        value: AddressLimits::DEFAULT.opens_per_second,
        is_rate: true,
        when_reached: "The WebSocket is upgraded, told when to come back, and closed. Open ones stay, and requests over HTTP are not concerned.",
    },
    AddressLimitInfo {
        setting: "address_failures_per_second",
        title: "Failed authentications per second",
        value: AddressLimits::DEFAULT.failures_per_second,
        is_rate: true,
        when_reached: "Until the rate allows the next failure, nobody at this address is authenticated: requests are refused before their \
                       body is read, WebSockets as above. A token that has merely expired, a missing permission and a limit are no failures.",
    },
    AddressLimitInfo {
        setting: "address_unauthenticated_max",
        title: "Open sockets that have not authenticated",
        value: AddressLimits::DEFAULT.unauthenticated,
        is_rate: false,
        when_reached: "Further sockets are served, but only to be told so; beyond twice the number they are answered at once and closed. \
                       A WebSocket counts until its key or token is accepted, a connection for requests until one of them is; before, it \
                       ends with each answer. Behind a trusted proxy only WebSockets count.",
    },
];
