//! A client that remembers everything it is told about a channel, and is judged in the end by what was accepted.
//!
//! At once: positions only grow, and within an era by one, unless what lies between was announced; an announced range begins where the client
//! stands. In the end: each accepted message was received or lies in an announced range, with the text that was published, and of an announced range
//! nothing can be had any more.

use std::sync::{Arc, Mutex};

use peal_client::rest::Rest;
use peal_client::{Client, Discontinuity, Event, HistoryOptions, Message, SubscribeOptions};
use peal_core::Position;
use peal_core::exchange::Direction;
use secrecy::ExposeSecret;
use tokio::sync::watch;

use crate::load::Accepted;
use crate::support::{APP, PATIENCE, within};

pub(crate) struct Observer {
    name: String,
    pub(crate) client: Client,
    began: Position,
    told: Arc<Mutex<Told>>,
    /// Where it stands.
    cursor: watch::Receiver<Position>,
}

#[derive(Debug, Default)]
struct Told {
    messages: Vec<(Position, String)>,
    lost: Vec<(Position, Position)>,
    /// What was wrong first.
    wrong: Option<String>,
}

impl Observer {
    pub(crate) async fn start(client: Client, name: impl Into<String>, channel: &str) -> Self {
        let options = SubscribeOptions { duplicates: true, ..SubscribeOptions::new(channel) };
        let mut subscription = within(client.subscribe(options)).await.expect("subscribes");
        let began = subscription.began.position;
        let told = Arc::<Mutex<Told>>::default();
        let (moved, cursor) = watch::channel(began);
        let noted = Arc::clone(&told);
        tokio::spawn(async move {
            while let Some(event) = subscription.next().await {
                let cursor = *moved.borrow();
                let step = noted.lock().expect("nobody panics with it").hear(cursor, event);
                moved.send_replace(step.max(cursor));
            }
        });
        Self { name: name.into(), client, began, told, cursor }
    }

    pub(crate) fn count(&self) -> usize {
        self.told.lock().expect("nobody panics with it").messages.len()
    }

    /// What was announced as lost.
    pub(crate) fn lost(&self) -> Vec<(Position, Position)> {
        self.told.lock().expect("nobody panics with it").lost.clone()
    }

    /// Waits until it has been told of everything up to here.
    pub(crate) async fn stands_at(&self, position: Position) {
        let mut cursor = self.cursor.clone();
        let came = tokio::time::timeout(2 * PATIENCE, cursor.wait_for(|cursor| *cursor >= position)).await;
        assert!(came.is_ok(), "{} stands at {} and not at {position}: {:?}", self.name, *self.cursor.borrow(), self.client.state());
    }

    /// `server` is asked whether what was announced as lost is really gone.
    pub(crate) async fn judge(&self, accepted: &Accepted, server: &str, channel: &str) {
        let last = *accepted.keys().next_back().expect("something was accepted");
        self.stands_at(last).await;
        let lost = {
            let told = self.told.lock().expect("nobody panics with it");
            assert_eq!(told.wrong, None, "{}", self.name);
            for (position, text) in accepted.range((std::ops::Bound::Excluded(self.began), std::ops::Bound::Unbounded)) {
                match told.messages.iter().find(|(at, _)| at == position) {
                    Some((_, got)) => assert_eq!(got, text, "{} at {position}", self.name),
                    None => assert!(
                        told.lost.iter().any(|(from, to)| from < position && position <= to),
                        "silent gap: {} never heard of {position}, {text}; it was told of losses {:?}",
                        self.name,
                        told.lost
                    ),
                }
            }
            told.lost.clone()
        };
        let rest = Rest::new(server, APP.key, APP.secret().expose_secret()).expect("an address");
        for (from, to) in lost {
            let all = HistoryOptions { limit: Some(1_000), direction: Some(Direction::Forwards), ..HistoryOptions::default() };
            let page = rest.history(channel, all).await.expect("reads");
            let kept = page.messages.iter().filter_map(|message| message.position).find(|at| from < *at && *at <= to);
            assert_eq!(kept, None, "{} was told that {from} to {to} is lost", self.name);
        }
    }
}

impl Told {
    /// Where the client stands afterwards.
    fn hear(&mut self, cursor: Position, event: Event) -> Position {
        match event {
            Event::Message(Message { position: Some(at), data, .. }) => {
                let follows = at.era > cursor.era || at.follows(cursor);
                if at <= cursor || !follows {
                    self.complain(format!("{at} after {cursor}"));
                }
                self.messages.push((at, data.parse::<String>().unwrap_or_else(|error| error.to_string())));
                at
            }
            Event::Discontinuity(Discontinuity { from: Some(from), to: Some(to), .. }) => {
                if from != cursor || to <= from {
                    self.complain(format!("{from} to {to} is announced as lost at {cursor}"));
                }
                self.lost.push((from, to));
                to
            }
            Event::Presence(_) | Event::Members(_) => cursor,
            other => {
                self.complain(format!("{other:?}"));
                cursor
            }
        }
    }

    fn complain(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }
}
