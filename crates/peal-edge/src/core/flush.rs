//! The flusher: the one task of a core that writes to sockets.
//!
//! A connection's own task would have to be woken for each message; one loop over the dirty connections costs a third less, and
//! yielding after every [`SLICE`] lets the next publishes in, so that later connections take several frames in one write (measured:
//! DESIGN section 3, ENGINE section 2).

use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;

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
        let mut written = 0;
        while let Some(handle) = next_dirty(&core) {
            let socket = core.sockets.borrow().get(handle);
            if let Some(socket) = socket {
                guard::step("flush", || flush(&core, &socket));
            }
            written += 1;
            if written % SLICE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn next_dirty(core: &Core) -> Option<peal_hub::Handle> {
    core.hub.borrow_mut().next_dirty()
}

/// Writes what the connection's queue holds, as far as the kernel takes it.
pub(crate) fn flush(core: &Rc<Core>, socket: &Socket) {
    while !socket.blocked.get() && !socket.finished.get() {
        match write_once(core, socket) {
            Written::Some(bytes) => core.with_hub(|hub, now| hub.wrote(now, socket.handle, bytes)),
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
    Some(usize),
    Nothing { closing: bool },
    WouldBlock { closing: bool },
    Gone,
}

fn write_once(core: &Core, socket: &Socket) -> Written {
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
        Ok(bytes) => Written::Some(bytes),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Written::WouldBlock { closing },
        Err(error) if error.kind() == ErrorKind::Interrupted => Written::Some(0),
        Err(_) => Written::Gone,
    }
}

/// The hub lets go of the connection and the socket is shut.
pub(crate) fn close(core: &Rc<Core>, socket: &Socket) {
    core.sockets.borrow_mut().remove(socket.handle);
    core.with_hub(|hub, now| hub.closed(now, socket.handle));
    socket.finish();
}
