//! What reaches a core from outside its thread.

use std::net::SocketAddr;
use std::sync::Arc;

use peal_core::{Directory, Now};
use peal_hub::{BrokerEvent, Drain, Hub};
use tokio::sync::{mpsc, oneshot};

/// Messages in a core's inbox; the mux, the balancer and request handlers wait when it is full.
const INBOX: usize = 1024;

/// Something to run on the core's thread.
pub(crate) type Question = Box<dyn FnOnce(&mut Hub, Now) + Send>;

pub(crate) enum ToCore {
    Broker(Vec<BrokerEvent>),
    Directory(Arc<Directory>),
    /// A socket that another core accepted but has no room for.
    Socket(std::net::TcpStream, SocketAddr),
    Ask(Question),
    /// Say goodbye to every WebSocket, and take no new ones.
    Drain(Drain),
    /// Accept nothing more.
    StopListening,
    /// End every HTTP connection after the request in progress.
    Close,
    /// End the thread.
    Stop,
}

/// Sends to one core. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CoreInbox(mpsc::Sender<ToCore>);

impl CoreInbox {
    pub(crate) fn new() -> (Self, mpsc::Receiver<ToCore>) {
        let (sender, receiver) = mpsc::channel(INBOX);
        (Self(sender), receiver)
    }

    /// Messages that wait, and how many may.
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.0.max_capacity() - self.0.capacity(), self.0.max_capacity())
    }

    /// Waits for room; false once the core has stopped.
    pub(crate) async fn send(&self, message: ToCore) -> bool {
        self.0.send(message).await.is_ok()
    }

    /// Hands over a socket, or gives it back when the core is busy or gone.
    pub(crate) fn offer_socket(&self, socket: std::net::TcpStream, peer: SocketAddr) -> Option<std::net::TcpStream> {
        match self.0.try_send(ToCore::Socket(socket, peer)) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(message) | mpsc::error::TrySendError::Closed(message)) => match message {
                ToCore::Socket(socket, _) => Some(socket),
                _ => None,
            },
        }
    }

    /// Runs a question on the core's thread; `None` once the core has stopped.
    pub(crate) async fn ask<R: Send + 'static>(&self, question: impl FnOnce(&mut Hub, Now) -> R + Send + 'static) -> Option<R> {
        let (answer, wait) = oneshot::channel();
        let run = Box::new(move |hub: &mut Hub, now| {
            // Whoever asked may have gone.
            let _ = answer.send(question(hub, now));
        });
        if self.send(ToCore::Ask(run)).await { wait.await.ok() } else { None }
    }
}
