//! A customer's server that publishes all the while, alternately through each node, and repeats what was refused until it is accepted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use peal_client::rest::{Outgoing, Rest};
use peal_core::Position;
use secrecy::ExposeSecret;
use tokio::sync::watch;

use crate::support::{APP, within};

/// So that a history of 100 messages covers what a reconnect takes.
const PAUSE: Duration = Duration::from_millis(10);
/// A node that does not answer is not waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What was accepted, with the text of each.
pub(crate) type Accepted = BTreeMap<Position, String>;

pub(crate) struct Load {
    accepted: Arc<Mutex<Accepted>>,
    count: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    pub(crate) fn start(urls: &[String], channel: &'static str) -> Self {
        let servers: Vec<Rest> =
            urls.iter().map(|url| Rest::new(url, APP.key, APP.secret().expose_secret()).expect("an address")).collect();
        let accepted = Arc::<Mutex<Accepted>>::default();
        let ((counted, count), (stop, stopped)) = (watch::channel(0), watch::channel(false));
        let noted = Arc::clone(&accepted);
        let run = uuid::Uuid::new_v4();
        let task = tokio::spawn(async move {
            for n in 0.. {
                if *stopped.borrow() {
                    return;
                }
                let text = format!("{n}.{run}");
                let message = Outgoing { id: Some(text.clone()), ..Outgoing::new("said", text.clone()) };
                for server in servers.iter().cycle().skip(n) {
                    let answer = tokio::time::timeout(ANSWER_WITHIN, server.publish(channel, &message)).await;
                    if let Ok(Ok(published)) = answer {
                        let at = published.position.expect("it is kept");
                        let twice = noted.lock().expect("nobody panics with it").insert(at, text.clone());
                        assert_eq!(twice, None, "{at} was given to two messages");
                        counted.send_modify(|count| *count += 1);
                        break;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { accepted, count, stop, task }
    }

    /// Waits until so many more were accepted, as long as it goes on.
    pub(crate) async fn more(&self, count: usize) {
        let mut counts = self.count.clone();
        let least = *counts.borrow() + count;
        loop {
            let next = least.min(*counts.borrow() + 10);
            within(counts.wait_for(|count| *count >= next)).await.expect("it publishes");
            if next == least {
                return;
            }
        }
    }

    pub(crate) async fn stop(self) -> Accepted {
        self.stop.send(true).expect("it publishes");
        within(self.task).await.expect("it does not fail");
        std::mem::take(&mut self.accepted.lock().expect("nobody panics with it"))
    }
}
