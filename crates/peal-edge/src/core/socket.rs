//! The sockets of a core, by the slot of their hub handle.

use std::cell::{Cell, RefCell};
use std::net::Shutdown;
use std::rc::Rc;
use std::task::{Context, Waker};

use peal_hub::Handle;
use tokio::net::TcpStream;

use crate::admission::Waiting;

/// One upgraded connection. Its own task reads; the flusher writes; `blocked` says which of them waits for the kernel.
pub(crate) struct Socket {
    pub(crate) handle: Handle,
    /// Borrowed only between two awaits.
    pub(crate) stream: RefCell<TcpStream>,
    /// The kernel's buffer is full: the connection's task waits until it is writable, and nobody writes meanwhile.
    pub(crate) blocked: Cell<bool>,
    /// Our side is shut; what the client still sends is discarded until it closes too.
    pub(crate) finished: Cell<bool>,
    /// The client has sent its close frame, after which it sends nothing.
    pub(crate) client_closed: Cell<bool>,
    /// Until it has authenticated, where its address has limits.
    pub(crate) waiting: Cell<Option<Box<Waiting>>>,
    waker: RefCell<Option<Waker>>,
}

impl Socket {
    pub(crate) fn new(handle: Handle, stream: TcpStream, waiting: Option<Box<Waiting>>) -> Self {
        Self {
            handle,
            stream: RefCell::new(stream),
            blocked: Cell::new(false),
            finished: Cell::new(false),
            client_closed: Cell::new(false),
            waiting: Cell::new(waiting),
            waker: RefCell::new(None),
        }
    }

    /// The connection's task is about to wait.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        match &mut *self.waker.borrow_mut() {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn block(&self) {
        self.blocked.set(true);
        self.wake();
    }

    /// Sends FIN after what was written. The connection's task lingers for the client's own close; if that came first, it ends at once, and
    /// the FIN is sent with its end.
    pub(crate) fn finish(&self) {
        if !self.finished.replace(true) {
            if !self.client_closed.get() {
                // A socket that is gone already has nothing to shut.
                let _ = socket2::SockRef::from(&*self.stream.borrow()).shutdown(Shutdown::Write);
            }
            self.wake();
        }
    }
}

/// Slots are small and reused by the hub, so a vector serves.
#[derive(Default)]
pub(crate) struct Sockets {
    by_slot: Vec<Option<Rc<Socket>>>,
    /// Connections that are closing and may be stuck; looked at by the sweep.
    pub(crate) closing: Vec<Handle>,
}

impl Sockets {
    pub(crate) fn insert(&mut self, socket: Rc<Socket>) {
        let slot = socket.handle.slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        self.by_slot[slot] = Some(socket);
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<Rc<Socket>> {
        self.by_slot.get(handle.slot as usize)?.as_ref().filter(|socket| socket.handle == handle).cloned()
    }

    pub(crate) fn remove(&mut self, handle: Handle) {
        if let Some(entry) = self.by_slot.get_mut(handle.slot as usize)
            && entry.as_ref().is_some_and(|socket| socket.handle == handle)
        {
            *entry = None;
        }
    }
}
