//! One socket in its HTTP phase, as admission sees it.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use peal_core::{ErrorCode, Now, Refusal};

use super::{Admission, Kind, Waiting};

pub(crate) struct Visitor {
    admission: Arc<Admission>,
    peer: IpAddr,
    waiting: RefCell<Option<Box<Waiting>>>,
    /// A request of this socket was authenticated, and none has failed since: it is not suspected for what its neighbours do. Never of a
    /// socket on which a proxy sends the requests of many.
    known: Cell<bool>,
}

impl Visitor {
    pub(crate) fn new(admission: &Arc<Admission>, peer: SocketAddr, waiting: Option<Box<Waiting>>) -> Self {
        Self { admission: Arc::clone(admission), peer: peer.ip(), waiting: RefCell::new(waiting), known: Cell::new(false) }
    }

    /// Whose request it is.
    pub(crate) fn client(&self, headers: &HeaderMap) -> IpAddr {
        self.admission.client(self.peer, headers)
    }

    /// Whether a request may try to authenticate.
    pub(crate) fn request(&self, now: Now, client: IpAddr, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.known.get() {
            return Ok(());
        }
        self.told_if_too_many().and_then(|()| self.admission.may_fail(now, client)).inspect_err(|_| self.suspect(headers))
    }

    /// How the request ended.
    pub(crate) fn answered(&self, now: Now, client: IpAddr, authenticated: bool, refused: Option<ErrorCode>) {
        if refused.is_some_and(ErrorCode::is_failed_authentication) {
            self.known.set(false);
            self.admission.failed(now, client);
        } else if authenticated {
            self.known.set(client == self.peer.to_canonical());
            self.waiting.take();
        }
    }

    /// Whether the connection ends with this answer. One that may stay without authenticating would take a place from its neighbours.
    pub(crate) fn is_to_go(&self) -> bool {
        self.waiting.borrow().is_some()
    }

    /// A WebSocket opens. It waits for its authentication from here on, also where a proxy opened the socket.
    ///
    /// # Errors
    /// Why to refuse it after its upgrade.
    pub(crate) fn open(&self, now: Now, headers: &HeaderMap) -> Result<(), Refusal> {
        let client = self.client(headers);
        let opened = self.wait(now, client).and_then(|()| self.admission.may_fail(now, client));
        opened.and_then(|()| self.admission.open(now, client)).inspect_err(|_| self.suspect(headers))
    }

    /// For the WebSocket that this socket became.
    pub(crate) fn into_waiting(self) -> Option<Box<Waiting>> {
        self.waiting.into_inner()
    }

    fn wait(&self, now: Now, client: IpAddr) -> Result<(), Refusal> {
        if self.waiting.borrow().is_none() {
            *self.waiting.borrow_mut() = self.admission.wait(now, client)?;
        }
        self.told_if_too_many()
    }

    fn told_if_too_many(&self) -> Result<(), Refusal> {
        match self.waiting.borrow().as_ref().and_then(|waiting| waiting.excess) {
            Some(excess) => Err(self.admission.refuse(Kind::Unauthenticated, excess)),
            None => Ok(()),
        }
    }

    fn suspect(&self, headers: &HeaderMap) {
        self.admission.suspect_proxy(self.peer, headers);
    }
}
