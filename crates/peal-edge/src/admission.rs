//! Who may come in before anybody knows whose they are: limits per client address (`docs/limits.md`), and whose word about that
//! address counts.
//!
//! A socket is [`Waiting`] from its arrival until a key, a token or a signature of its is accepted. What is refused is served far enough to
//! say so in a way that the client understands; only [`peal_core::limit::HARD_FACTOR`] times the limit is dropped at the door.

mod book;
mod visitor;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use peal_core::limit::AddressLimits;
use peal_core::{ErrorCode, Networks, Now, Refusal, TrustedProxies};
use prometheus::{IntCounterVec, Opts};

use crate::config::EdgeConfig;
use book::{Book, Excess};

pub(crate) use visitor::Visitor;

/// Which limit an address has reached.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Opens,
    Failures,
    Unauthenticated,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Opens => "opens",
            Kind::Failures => "failures",
            Kind::Unauthenticated => "unauthenticated",
        }
    }

    fn refusal(self, excess: Excess) -> Refusal {
        let Excess { limit, current, retry_ms } = excess;
        let detail = match self {
            Kind::Opens => format!("Too many WebSockets are opened from this network address; {limit} may come at once."),
            Kind::Failures => {
                format!("Too many authentications from this network address have failed; {limit} may fail at once. Check the credentials.")
            }
            Kind::Unauthenticated => {
                format!("Too many connections from this network address have not authenticated; {limit} may wait at the same time.")
            }
        };
        Refusal::new(ErrorCode::AddressLimit, detail).with_limit(limit, current).retry_after(retry_ms)
    }
}

#[derive(Debug)]
pub(crate) struct Admission {
    proxies: TrustedProxies,
    exempt: Networks,
    /// `None` where there is no limit at all.
    book: Option<Book>,
    refusals: IntCounterVec,
    /// The operator was told that a proxy is probably not named.
    told: AtomicBool,
}

impl Admission {
    /// # Errors
    /// A name that the metrics refuse, which is a mistake in this file.
    pub(crate) fn new(config: &EdgeConfig) -> Result<Self, prometheus::Error> {
        let help = "Refusals by the limits of a client address before authentication";
        Ok(Self {
            proxies: config.trusted_proxies.clone(),
            exempt: config.address_exempt.clone(),
            book: (config.address_limits != AddressLimits::NONE).then(|| Book::new(config.address_limits)),
            refusals: IntCounterVec::new(Opts::new("address_refusals_total", help), &["limit"])?,
            told: AtomicBool::new(false),
        })
    }

    pub(crate) fn collector(&self) -> IntCounterVec {
        self.refusals.clone()
    }

    /// Whose request it is, given who is at the other end of the socket.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.proxies.client(peer, headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()))
    }

    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.proxies.trusts(peer)
    }

    /// A socket is accepted. Nothing is known of one that a proxy opened, until its first request is.
    ///
    /// # Errors
    /// When there are so many that it is dropped.
    pub(crate) fn at_the_door(self: &Arc<Self>, now: Now, peer: IpAddr) -> Result<Option<Box<Waiting>>, Refusal> {
        if self.proxies.trusts(peer) { Ok(None) } else { self.wait(now, peer) }
    }

    fn wait(self: &Arc<Self>, now: Now, address: IpAddr) -> Result<Option<Box<Waiting>>, Refusal> {
        let Some(book) = self.book_for(address) else { return Ok(None) };
        let excess = book.arrive(now.mono_ms, address).map_err(|excess| self.refuse(Kind::Unauthenticated, excess))?;
        Ok(Some(Box::new(Waiting { admission: Arc::clone(self), address, excess })))
    }

    fn open(&self, now: Now, address: IpAddr) -> Result<(), Refusal> {
        let opened = self.book_for(address).map_or(Ok(()), |book| book.open(now.mono_ms, address));
        opened.map_err(|excess| self.refuse(Kind::Opens, excess))
    }

    fn may_fail(&self, now: Now, address: IpAddr) -> Result<(), Refusal> {
        let allowed = self.book_for(address).map_or(Ok(()), |book| book.may_fail(now.mono_ms, address));
        allowed.map_err(|excess| self.refuse(Kind::Failures, excess))
    }

    fn failed(&self, now: Now, address: IpAddr) {
        if let Some(book) = self.book_for(address) {
            book.failed(now.mono_ms, address);
        }
    }

    fn book_for(&self, address: IpAddr) -> Option<&Book> {
        self.book.as_ref().filter(|_| !self.exempt.contains(address))
    }

    fn refuse(&self, kind: Kind, excess: Excess) -> Refusal {
        self.refusals.with_label_values(&[kind.name()]).inc();
        kind.refusal(excess)
    }

    /// Behind a proxy that nobody named, all clients are one address. Whoever runs it should hear of that once.
    fn suspect_proxy(&self, peer: IpAddr, headers: &HeaderMap) {
        if headers.contains_key("x-forwarded-for") && !self.proxies.trusts(peer) && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "an address reached its limit and says that it forwards for others: if it is your proxy, name it in trusted_proxies"
            );
        }
    }
}

/// A socket that has not authenticated yet. Dropping it says that it has, or that it is gone.
#[derive(Debug)]
pub(crate) struct Waiting {
    admission: Arc<Admission>,
    address: IpAddr,
    /// It is one too many, and only here to be told.
    excess: Option<Excess>,
}

impl Waiting {
    /// A WebSocket ended with this refusal before it had authenticated.
    pub(crate) fn ended(&self, now: Now, why: ErrorCode) {
        if why.is_failed_authentication() {
            self.admission.failed(now, self.address);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(book) = self.admission.book_for(self.address) {
            book.leave(self.address);
        }
    }
}
