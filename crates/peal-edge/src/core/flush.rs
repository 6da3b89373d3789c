//! The flusher: the one task of a core that works through fan-outs and writes to sockets.
//!
//! A connection's own task would have to be woken for each message; one loop over the dirty connections costs a third less. Its turns end
//! after [`SLICE`] writes or [`TURN`], so that nobody else waits longer, and let the next publishes in: later connections then take several
//! frames in one write (measured: DESIGN section 3, ENGINE section 2). The hub says who comes next, so that apps take turns too.

use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;
use std::time::{Duration, Instant};

use peal_core::Now;

use super::socket::Socket;
use super::{Core, guard};

/// Connections written in one turn.
const SLICE: usize = 256;
/// Turns end after this time, whatever was done.
const TURN: Duration = Duration::from_micros(500);
/// The clock is looked at once for so many writes.
const WRITES_PER_LOOK: usize = 16;
/// Frames in one write.
const FRAMES: usize = 64;

pub(crate) async fn run(core: Rc<Core>) {
    loop {
        core.flush_wanted.notified().await;
        // Whoever else is ready may add frames first: a burst becomes one write per connection.
        tokio::task::yield_now().await;
        while turn(&core) {
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

/// Some slices of fan-out, writes to the connections that have something now, and once for all of them what the hub wants after that.
/// Whether there is more to do.
fn turn(core: &Rc<Core>) -> bool {
    let (now, end) = (core.now(), Instant::now() + TURN);
    guard::step("fan-out", || while core.hub.borrow_mut().work(now) && Instant::now() < end {});
    for written in 1..=SLICE {
        let Some(handle) = core.hub.borrow_mut().next_dirty() else { break };
        let socket = core.sockets.borrow().get(handle);
        if let Some(socket) = socket {
            guard::step("flush", || write(core, &socket, now));
        }
        if written % WRITES_PER_LOOK == 0 && Instant::now() >= end {
            break;
        }
    }
    guard::step("flush", || core.settle());
    let hub = core.hub.borrow();
    hub.has_dirty() || hub.has_work()
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
