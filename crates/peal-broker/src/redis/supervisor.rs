//! Keeps the connections: makes them, subscribes everything again, hears what is published, and notices when nothing comes any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use peal_core::exchange::{BrokerError, Delivery};
use redis::Msg;
use redis::aio::PubSubStream;
use tokio::sync::oneshot;

use super::attachments::Heard;
use super::digest;
use super::frame::{Frame, read_frame};
use super::link::{Link, Reports, Up, connect};
use super::partition::{Job, Partition};
use super::shared::{Shared, ended};
use super::subscriptions::subscribe_on;
use super::tasks::Tasks;

const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// To subscribe everything again.
const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(30);
/// Publications handed over at once.
const CHUNK: usize = 256;

/// Runs until the broker ends. `first` is the connection that was made to open it.
pub(super) async fn run(shared: Arc<Shared>, link: Arc<Link>, first: (Up, PubSubStream), mut reports: Reports) {
    let mut serial = first.0.serial;
    let mut made = Some(first);
    let mut pause = RETRY_FIRST;
    loop {
        let outcome = match made.take() {
            Some(made) => Ok(made),
            None => connect(&shared.options, serial + 1).await,
        };
        match outcome {
            Ok((up, stream)) => {
                serial = up.serial;
                let why = serve(&shared, &link, Arc::new(up), stream, &mut reports, &mut pause).await;
                tracing::warn!(why, "the connections to Redis are made anew");
                link.set_down(&why);
            }
            Err(why) => {
                tracing::debug!(why, "Redis cannot be used");
                link.set_down(&why);
            }
        }
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Uses one pair of connections for as long as they work. Answers why they do not any more.
async fn serve(
    shared: &Arc<Shared>,
    link: &Arc<Link>,
    up: Arc<Up>,
    stream: PubSubStream,
    reports: &mut Reports,
    pause: &mut Duration,
) -> String {
    let serial = up.serial;
    let _reader = Tasks::of(tokio::spawn(read(Arc::clone(shared), Arc::clone(link), serial, stream)));
    let (places, names): (Vec<u16>, Vec<Arc<str>>) = shared.attachments.names(|topic| shared.keys.partition(topic)).into_iter().unzip();
    let own = shared.partitions.iter().flat_map(|partition| {
        let partition = partition.index;
        [shared.keys.echo(partition, &shared.tag).into(), shared.keys.digest(partition).into()]
    });
    let own: Vec<Arc<str>> = own.collect();
    shared.partitions.iter().for_each(|partition| partition.probe().begin());
    let everything = async {
        subscribe_on(shared, &up, &own).await?;
        subscribe_on(shared, &up, &names).await
    };
    match tokio::time::timeout(SUBSCRIBE_WITHIN, everything).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return error.to_string(),
        Err(_) => return "subscribing takes too long".into(),
    }
    link.set_up(Arc::clone(&up));
    // What was detached meanwhile was detached from connections that are gone.
    let mut gone: BTreeMap<u16, Vec<Arc<str>>> = BTreeMap::new();
    for (partition, name) in places.into_iter().zip(names).filter(|(_, name)| !shared.attachments.contains(name)) {
        gone.entry(partition).or_default().push(name);
    }
    gone.into_iter().for_each(|(partition, names)| shared.subscriptions_of(partition).unsubscribe(names));
    let _resume = Tasks::of(tokio::spawn(resume(Arc::clone(shared), serial)));
    *pause = RETRY_FIRST;
    let mut ticks = tokio::time::interval(shared.options.echo_every);
    loop {
        // Both branches are cancellation-safe.
        tokio::select! {
            report = reports.recv() => match report {
                Some((about, why)) if about == serial => return why,
                Some(_) => {}
                None => return "the broker has ended".into(),
            },
            _ = ticks.tick() => {
                if shared.partitions.iter().any(|partition| partition.probe().is_lost()) {
                    return "what this node publishes does not come back to it".into();
                }
                shared.partitions.iter().for_each(send_probe);
            }
        }
    }
}

/// The whole way of a publish, so that nothing on it can fail unnoticed.
fn send_probe(partition: &Arc<Partition>) {
    let number = partition.probe().send(Instant::now());
    let (answer, wait) = oneshot::channel();
    partition.push(Job::Probe(number, answer));
    let partition = Arc::clone(partition);
    tokio::spawn(async move {
        let refused = match wait.await.unwrap_or_else(|_| Err(ended())) {
            Ok(()) => None,
            Err(BrokerError::Away(why)) => Some(why),
            Err(other) => Some(other.to_string()),
        };
        partition.probe().answered(number, refused);
    });
}

/// Learns whose generation it is, then has every head checked: something may have been published while nobody here listened.
async fn resume(shared: Arc<Shared>, serial: u64) {
    for partition in 0..shared.options.partitions {
        if let Err(error) = shared.touch(partition).await {
            tracing::warn!(%error, partition, "the generation of a partition cannot be read");
        }
    }
    if serial > 1 {
        shared.inbox.interrupted(Vec::new());
    }
}

async fn read(shared: Arc<Shared>, link: Arc<Link>, serial: u64, stream: PubSubStream) {
    let mut chunks = stream.ready_chunks(CHUNK);
    while let Some(messages) = chunks.next().await {
        let deliveries: Vec<Delivery> = messages.iter().filter_map(|message| hear(&shared, message)).collect();
        if !deliveries.is_empty() {
            shared.inbox.deliver(deliveries);
        }
    }
    link.broken(serial, "the connection for subscriptions has ended");
}

fn hear(shared: &Shared, message: &Msg) -> Option<Delivery> {
    let (name, payload) = (message.get_channel_name(), message.get_payload_bytes());
    if digest::is_digest(payload) {
        digest::hear(shared, payload);
        return None;
    }
    let Some(frame) = read_frame(payload) else {
        tracing::warn!(bytes = payload.len(), "something that is no frame was published");
        return None;
    };
    match frame {
        Frame::Publication(publication) => match shared.attachments.hear(name, publication) {
            Heard::Deliver { topic, publication, generation } => {
                if let Some(generation) = generation {
                    shared.heard_generation(shared.keys.partition(&topic), generation);
                }
                Some(Delivery { topic, publication: Arc::new(publication) })
            }
            Heard::Late(topic) => {
                let partition = shared.keys.partition(&topic);
                // As if the generation were new: what was heard is written down once more, with this.
                let _ = shared.generations.send((partition, shared.partitions[usize::from(partition)].generation()));
                None
            }
            Heard::Nobody => None,
        },
        Frame::Echo(partition, number) => {
            shared.partitions.get(usize::from(partition))?.probe_returned(shared, number);
            None
        }
        Frame::Loss => {
            let topic = shared.attachments.topic(name)?;
            shared.inbox.interrupted(vec![topic]);
            None
        }
    }
}
