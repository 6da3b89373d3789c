//! The flusher: the one task of a core that writes to sockets.
//!
//! A connection's own task would have to be woken for each message; one loop over the dirty connections costs a third less, and
//! yielding after every [`SLICE`] lets the next publishes in, so that later connections take several frames in one write (measured:
//! DESIGN section 3, ENGINE section 2).

use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;

use peal_core::Now;

use super::socket::Socket;
use super::{Core, guard};

/// Connections written between two yields.
const SLICE: usize = 256;
/// Frames in one write.
const FRAMES: usize = 64;

pub(crate) async fn run(core: Rc<Core>) {
    loop {
        core.flush_wanted.notified().await;
        // Whoever else is ready may add frames first: a burst becomes one write per connection.
        tokio::task::yield_now().await;
        while write_slice(&core) {
            let_publishes_in().await;
        }
    }
}

/// A publish passes through tasks that wake one another: its request, the mux, this core's inbox, the request again for its answer. The
/// first yield lets those run that the kernel has something for, the second those that they woke. With only one, the mux would come
/// after the next slice, the publisher would have its answer one slice later, and half as many frames would gather for each write.
async fn let_publishes_in() {
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

/// Writes to the next dirty connections, and sees to what the hub wants after that once for all of them. Whether there are more.
fn write_slice(core: &Rc<Core>) -> bool {
    let now = core.now();
    for _ in 0..SLICE {
        let Some(handle) = core.hub.borrow_mut().next_dirty() else { break };
        let socket = core.sockets.borrow().get(handle);
        if let Some(socket) = socket {
            guard::step("flush", || write(core, &socket, now));
        }
    }
    guard::step("flush", || core.settle());
    core.hub.borrow().has_dirty()
}

/// Writes what the connection's queue holds, as far as the kernel takes it.
pub(crate) fn flush(core: &Rc<Core>, socket: &Socket) {
    write(core, socket, core.now());
    core.settle();
}

/// As [`flush`]; the caller settles.
fn write(core: &Rc<Core>, socket: &Socket, now: Now) {
    while !socket.blocked.get() && !socket.finished.get() {
        match write_once(core, socket, now) {
            Written::Some => {}
            Written::Nothing { closing: false } => return,
            Written::Nothing { closing: true } => {
                close(core, socket);
                return;
            }
            Written::WouldBlock { closing } => {
                if closing {
                    core.sockets.borrow_mut().closing.push(socket.handle);
                }
                socket.block();
                return;
            }
            Written::Gone => {
                close(core, socket);
                return;
            }
        }
    }
}

enum Written {
    /// There may be more.
    Some,
    /// The queue is empty.
    Nothing {
        closing: bool,
    },
    WouldBlock {
        closing: bool,
    },
    Gone,
}

fn write_once(core: &Core, socket: &Socket, now: Now) -> Written {
    let mut hub = core.hub.borrow_mut();
    let Some(queue) = hub.queue(socket.handle) else { return Written::Gone };
    let closing = queue.closing().is_some();
    if queue.is_empty() {
        return Written::Nothing { closing };
    }
    let mut slices = [IoSlice::new(&[]); FRAMES];
    let filled = queue.slices(&mut slices);
    let stream = socket.stream.borrow();
    let result = if filled == 1 { stream.try_write(&slices[0]) } else { stream.try_write_vectored(&slices[..filled]) };
    match result {
        Ok(bytes) => {
            hub.wrote(now, socket.handle, bytes);
            match hub.queue(socket.handle) {
                Some(queue) if queue.is_empty() => Written::Nothing { closing: queue.closing().is_some() },
                _ => Written::Some,
            }
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Written::WouldBlock { closing },
        Err(error) if error.kind() == ErrorKind::Interrupted => Written::Some,
        Err(_) => Written::Gone,
    }
}

/// The hub lets go of the connection and the socket is shut.
pub(crate) fn close(core: &Rc<Core>, socket: &Socket) {
    core.sockets.borrow_mut().remove(socket.handle);
    core.let_go(socket);
    socket.finish();
}
