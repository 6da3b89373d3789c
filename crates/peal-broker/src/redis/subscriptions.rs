//! Subscribing and unsubscribing in one partition, in the order in which it was asked, in groups.

use std::sync::Arc;

use futures_util::future::try_join_all;
use peal_core::exchange::BrokerError;
use redis::RedisError;
use tokio::sync::{mpsc, oneshot};

use super::link::Up;
use super::shared::{Shared, ended};

/// Channels in one command.
const GROUP: usize = 512;
/// Commands on their way at once.
const PIPELINED: usize = 16;

#[derive(Debug)]
pub(super) enum Command {
    Subscribe(Vec<Arc<str>>, oneshot::Sender<Result<(), BrokerError>>),
    Unsubscribe(Vec<Arc<str>>),
}

/// The asking half. Its queue holds one message per attach or detach that is not carried out yet, so its callers bound it.
#[derive(Debug)]
pub(super) struct Subscriptions(mpsc::UnboundedSender<Command>);

impl Subscriptions {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Resolves once everything published from then on will be delivered.
    pub(super) fn subscribe(&self, streams: Vec<Arc<str>>) -> impl Future<Output = Result<(), BrokerError>> + Send + use<> {
        let (answer, wait) = oneshot::channel();
        let sent = self.0.send(Command::Subscribe(streams, answer));
        async move {
            if sent.is_err() {
                return Err(ended());
            }
            wait.await.unwrap_or_else(|_| Err(ended()))
        }
    }

    pub(super) fn unsubscribe(&self, streams: Vec<Arc<str>>) {
        // The other half ends with the broker.
        let _ = self.0.send(Command::Unsubscribe(streams));
    }
}

pub(super) async fn run(shared: Arc<Shared>, partition: u16, mut commands: mpsc::UnboundedReceiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Unsubscribe(streams) => unsubscribe(&shared, partition, streams).await,
            Command::Subscribe(mut streams, answer) => {
                let mut answers = vec![answer];
                let mut after = None;
                while streams.len() < GROUP {
                    match commands.try_recv() {
                        Ok(Command::Subscribe(more, answer)) => {
                            streams.extend(more);
                            answers.push(answer);
                        }
                        Ok(Command::Unsubscribe(gone)) => {
                            after = Some(gone);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                let result = subscribe(&shared, partition, streams).await;
                for answer in answers {
                    // Whoever asked may have gone.
                    let _ = answer.send(result.clone());
                }
                if let Some(gone) = after {
                    unsubscribe(&shared, partition, gone).await;
                }
            }
        }
    }
}

async fn subscribe(shared: &Shared, partition: u16, streams: Vec<Arc<str>>) -> Result<(), BrokerError> {
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let streams = shared.attachments.to_subscribe(streams, up.serial);
    link.checked(&up, subscribe_on(shared, &up, &streams).await)
}

/// Subscribes to these on one connection.
pub(super) async fn subscribe_on(shared: &Shared, up: &Up, streams: &[Arc<str>]) -> Result<(), RedisError> {
    for some in streams.chunks(GROUP * PIPELINED) {
        try_join_all(some.chunks(GROUP).map(|group| {
            let mut sink = up.sink.clone();
            async move {
                let names: Vec<&str> = group.iter().map(|name| &**name).collect();
                sink.subscribe(names).await
            }
        }))
        .await?;
        shared.attachments.subscribed(some, up.serial);
    }
    Ok(())
}

async fn unsubscribe(shared: &Shared, partition: u16, streams: Vec<Arc<str>>) {
    let link = shared.link_of(partition);
    let Some(up) = link.up_now() else { return };
    let gone: Vec<_> = streams.into_iter().filter(|stream| !shared.attachments.contains(stream)).collect();
    for group in gone.chunks(GROUP) {
        let names: Vec<&str> = group.iter().map(|name| &**name).collect();
        if let Err(error) = up.sink.clone().unsubscribe(names).await {
            link.judge(up.serial, &error);
        }
    }
}
