//! A core: one thread, one current-thread runtime, its own connections and its own hub.
//!
//! Everything that touches the hub runs on this thread between two awaits, so a `RefCell` borrow is never held across one. The
//! tasks of a core: an acceptor per address, one task per connection (it only reads), a flusher (it alone writes), an outbox (hands the hub's actions
//! to the mux), an inbox (takes what the mux and request handlers send), and a timer.

pub(crate) mod accept;
pub(crate) mod flush;
pub(crate) mod guard;
pub(crate) mod handshakes;
pub(crate) mod http;
pub(crate) mod inbox;
pub(crate) mod proxy;
pub(crate) mod socket;
pub(crate) mod tasks;
pub(crate) mod websocket;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use peal_core::Now;
use peal_hub::{Action, Handle, Hub, Standing};
use tokio::sync::Notify;

use crate::node::Node;
use handshakes::Handshakes;
use socket::{Socket, Sockets};

/// One read fills at most this much; shared by all connections of the core, since only one reads at a time.
const READ_BUFFER: usize = 64 * 1024;
/// Actions waiting for room in the mux's inbox; connections stop reading at this number.
const OUTBOX_MAX: usize = 8_192;

pub(crate) struct Core {
    pub(crate) index: usize,
    pub(crate) node: Arc<Node>,
    pub(crate) hub: RefCell<Hub>,
    pub(crate) sockets: RefCell<Sockets>,
    pub(crate) handshakes: Handshakes,
    pub(crate) read_buffer: RefCell<Vec<u8>>,
    /// Actions on their way to the mux, bounded by [`OUTBOX_MAX`] in [`Core::settle`]'s callers.
    outbox: RefCell<Vec<Action>>,
    pub(crate) outbox_filled: Notify,
    pub(crate) outbox_drained: Notify,
    pub(crate) flush_wanted: Notify,
    pub(crate) timer_changed: Notify,
    armed_ms: Cell<u64>,
    /// Nothing is accepted any more.
    pub(crate) deaf: Notify,
    /// The drain is over: HTTP connections end after the request in progress.
    pub(crate) closing: Notify,
}

impl Core {
    pub(crate) fn new(index: usize, node: Arc<Node>, hub: Hub) -> Rc<Self> {
        Rc::new(Self {
            index,
            handshakes: Handshakes::new(node.config.handshakes_per_core),
            node,
            hub: RefCell::new(hub),
            sockets: RefCell::new(Sockets::default()),
            read_buffer: RefCell::new(vec![0; READ_BUFFER]),
            outbox: RefCell::new(Vec::new()),
            outbox_filled: Notify::new(),
            outbox_drained: Notify::new(),
            flush_wanted: Notify::new(),
            timer_changed: Notify::new(),
            armed_ms: Cell::new(u64::MAX),
            deaf: Notify::new(),
            closing: Notify::new(),
        })
    }

    pub(crate) fn now(&self) -> Now {
        self.node.clock.now()
    }

    /// Feeds the hub and sees to what it wants done.
    pub(crate) fn with_hub<R>(self: &Rc<Self>, input: impl FnOnce(&mut Hub, Now) -> R) -> R {
        let now = self.now();
        let result = input(&mut self.hub.borrow_mut(), now);
        self.settle();
        result
    }

    /// Carries the hub's actions to the outbox, wakes the flusher and re-arms the timer.
    pub(crate) fn settle(self: &Rc<Self>) {
        let mut hub = self.hub.borrow_mut();
        let mut outbox = self.outbox.borrow_mut();
        let before = outbox.len();
        while let Some(action) = hub.next_action() {
            match action {
                Action::RefreshDirectory(handle) => self.refresh_directory(handle),
                action => outbox.push(action),
            }
        }
        if outbox.len() > before {
            self.outbox_filled.notify_one();
        }
        if hub.has_dirty() || hub.has_work() {
            self.flush_wanted.notify_one();
        }
        let deadline = hub.next_deadline().unwrap_or(u64::MAX);
        if deadline < self.armed_ms.get() {
            self.armed_ms.set(deadline);
            self.timer_changed.notify_one();
        }
    }

    pub(crate) fn armed_ms(&self) -> u64 {
        self.armed_ms.get()
    }

    /// The timer has fired or must look again.
    pub(crate) fn rearm(&self) {
        self.armed_ms.set(self.hub.borrow().next_deadline().unwrap_or(u64::MAX));
    }

    pub(crate) fn take_outbox(&self) -> Vec<Action> {
        let actions = std::mem::take(&mut *self.outbox.borrow_mut());
        self.outbox_drained.notify_waiters();
        actions
    }

    /// Waits while the mux is behind, so that its backlog reaches the clients as TCP backpressure.
    pub(crate) async fn wait_for_outbox(&self) {
        loop {
            let drained = self.outbox_drained.notified();
            if self.outbox.borrow().len() < OUTBOX_MAX {
                return;
            }
            drained.await;
        }
    }

    fn refresh_directory(self: &Rc<Self>, handle: Handle) {
        let core = Rc::clone(self);
        tokio::task::spawn_local(async move {
            core.node.directory.refresh().await;
            let directory = core.node.directory.current();
            core.with_hub(|hub, now| {
                hub.directory(now, directory);
                hub.directory_refreshed(now, handle);
            });
            let socket = core.sockets.borrow().get(handle);
            socket.iter().for_each(|socket| core.settle_waiting(socket));
        });
    }

    /// Sees whether a connection that waits for its authentication still does.
    pub(crate) fn settle_waiting(&self, socket: &Socket) {
        let Some(waiting) = socket.waiting.take() else { return };
        match self.hub.borrow().standing(socket.handle) {
            Standing::Opening => socket.waiting.set(Some(waiting)),
            Standing::Accepted | Standing::Over(None) => {}
            Standing::Over(Some(why)) => waiting.ended(self.now(), why),
        }
    }

    /// The transport of a connection is over. Only the first call finds it.
    pub(crate) fn let_go(self: &Rc<Self>, socket: &Socket) {
        let handle = socket.handle;
        self.settle_waiting(socket);
        socket.waiting.take();
        self.with_hub(|hub, now| {
            if let Some(id) = hub.connection_id(handle) {
                let code = hub.queue(handle).and_then(|queue| queue.closing()).map(|closing| closing.code);
                tracing::debug!(connection = %id, code, "a connection ended");
            }
            hub.closed(now, handle);
        });
    }

    /// Connections of this core, as the balancer sees them.
    pub(crate) fn count_connection(self: &Rc<Self>) -> CountedConnection {
        self.node.connections[self.index].fetch_add(1, Ordering::Relaxed);
        CountedConnection(Rc::clone(self))
    }
}

/// Counts an open socket for as long as it lives.
pub(crate) struct CountedConnection(Rc<Core>);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.node.connections[self.0.index].fetch_sub(1, Ordering::Relaxed);
    }
}
