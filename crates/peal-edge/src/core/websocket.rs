//! One WebSocket after its upgrade: the task that reads it.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use peal_hub::{Incoming, Open};
use peal_wire::ws;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use super::socket::Socket;
use super::{Core, flush, guard};
use crate::admission::Waiting;

/// After our close frame and FIN, how long the client's own close is waited for.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that one connection may have decoded and answered before the next one has its turn.
const TURN_BYTES: usize = 16 * 1024;

/// What the HTTP phase leaves behind.
pub(crate) struct Upgraded {
    pub(crate) stream: TcpStream,
    /// Bytes that came after the request head, copied out of hyper's buffer (keeping that one would pin 8 KB).
    pub(crate) leftover: Bytes,
    pub(crate) open: Open,
    pub(crate) waiting: Option<Box<Waiting>>,
}

pub(crate) async fn run(core: Rc<Core>, upgraded: Upgraded) {
    let Upgraded { stream, leftover, open, waiting } = upgraded;
    let handle = core.with_hub(|hub, now| hub.open(now, open));
    let socket = Rc::new(Socket::new(handle, stream, waiting));
    core.sockets.borrow_mut().insert(Rc::clone(&socket));
    let registered = Registered { core: Rc::clone(&core), socket: Rc::clone(&socket) };
    core.settle_waiting(&socket);
    let mut decoder = ws::Decoder::default();
    let mut flow = ControlFlow::Continue(());
    if !leftover.is_empty() {
        let mut bytes = leftover.to_vec();
        flow = receive(&core, &socket, &mut decoder, &mut bytes);
    }
    // The refusal or greeting that `open` queued.
    core.flush_wanted.notify_one();
    while flow.is_continue() {
        core.wait_for_outbox().await;
        flow = poll_fn(|cx| step(&core, &socket, &mut decoder, cx)).await;
        // Whoever sends without pause takes turns with everybody else.
        tokio::task::yield_now().await;
    }
    drop(registered);
    if socket.finished.get() && !socket.client_closed.get() {
        // Reading on lets the kernel deliver our close frame instead of resetting the connection.
        let _ = tokio::time::timeout(LINGER, poll_fn(|cx| discard(&core, &socket, cx))).await;
    }
}

/// Takes the connection out of the hub when its task ends, also by a panic.
struct Registered {
    core: Rc<Core>,
    socket: Rc<Socket>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.core.sockets.borrow_mut().remove(self.socket.handle);
        guard::step("close", || self.core.let_go(&self.socket));
    }
}

/// Waits for one of: room to write (if blocked), bytes to read, the flusher's word that the connection is finished.
fn step(core: &Rc<Core>, socket: &Socket, decoder: &mut ws::Decoder, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
    socket.register(cx);
    if socket.finished.get() {
        return Poll::Ready(ControlFlow::Break(()));
    }
    if socket.blocked.get() {
        let writable = socket.stream.borrow().poll_write_ready(cx);
        match writable {
            Poll::Ready(Ok(())) => {
                socket.blocked.set(false);
                flush::flush(core, socket);
                return Poll::Ready(ControlFlow::Continue(()));
            }
            Poll::Ready(Err(_)) => return Poll::Ready(ControlFlow::Break(())),
            Poll::Pending => {}
        }
    }
    let mut buffer = core.read_buffer.borrow_mut();
    let mut read = ReadBuf::new(&mut buffer[..TURN_BYTES]);
    let result = ready!(Pin::new(&mut *socket.stream.borrow_mut()).poll_read(cx, &mut read));
    let bytes = read.filled_mut();
    if result.is_err() || bytes.is_empty() {
        return Poll::Ready(ControlFlow::Break(()));
    }
    Poll::Ready(receive(core, socket, decoder, bytes))
}

fn discard(core: &Core, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
    let mut buffer = core.read_buffer.borrow_mut();
    loop {
        let mut read = ReadBuf::new(&mut buffer);
        let result = ready!(Pin::new(&mut *socket.stream.borrow_mut()).poll_read(cx, &mut read));
        if result.is_err() || read.filled().is_empty() {
            return Poll::Ready(());
        }
    }
}

/// Decodes what was read and gives each message to the hub.
fn receive(core: &Rc<Core>, socket: &Socket, decoder: &mut ws::Decoder, bytes: &mut [u8]) -> ControlFlow<()> {
    let mut input = ws::Input::new(bytes);
    loop {
        let limits = core.node.limits(&core.hub.borrow(), socket.handle);
        let incoming = match decoder.next(&mut input, &limits) {
            Ok(Some(ws::Event::Text(text))) => Incoming::Text(text),
            Ok(Some(ws::Event::Binary(data))) => Incoming::Binary(data.len()),
            Ok(Some(ws::Event::Ping(data))) => Incoming::Ping(data),
            Ok(Some(ws::Event::Pong(_))) => Incoming::Pong,
            Ok(Some(ws::Event::Close { code, .. })) => {
                socket.client_closed.set(true);
                Incoming::Close(code)
            }
            Ok(None) => return ControlFlow::Continue(()),
            Err(violation) => {
                let incoming =
                    Incoming::Violation { close: violation.close_code, code: violation.error_code(), reason: violation.kind.reason() };
                core.with_hub(|hub, now| hub.receive(now, socket.handle, incoming));
                return ControlFlow::Continue(());
            }
        };
        core.with_hub(|hub, now| hub.receive(now, socket.handle, incoming));
        core.settle_waiting(socket);
    }
}
