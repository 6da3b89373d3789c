//! A way to a server that has bad days: answers that come late, a partition, connections that break, and connections that stay open while nothing
//! comes through them any more.
//!
//! What is told to go wrong holds from the moment the call returns. A partition holds bytes back and loses none, as TCP does; a silenced
//! connection is dead for good, as behind a router that forgot it, and only a new one gets through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Pieces on their way in one direction; when there are more, the sender is not read from, so that TCP slows it.
const PIECES_MAX: usize = 64;
const PIECE_BYTES: usize = 16 * 1024;

/// Nothing here takes longer; a wait that does has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    /// Nothing passes, in either direction.
    partitioned: bool,
    /// Each answer comes so much later.
    late: Duration,
    /// New connections are closed at once.
    refusing: bool,
    /// The port behind it.
    port: u16,
    /// Connections of a lower number are closed.
    cut_below: u64,
    /// Of connections of a lower number, and only those that are marked, no answer passes any more.
    silent_below: u64,
}

/// Ends with the runtime of its test.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    /// How many connections there ever were, and how many are open.
    connections: watch::Receiver<(u64, u64)>,
}

impl FaultProxy {
    /// To a port of this machine.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn to(port: u16) -> Self {
        Self::marking(port, "").await
    }

    /// Marks the connections on which a client ever says this word, in one piece and in this spelling. The empty one marks all.
    ///
    /// # Panics
    /// As [`Self::to`].
    pub async fn marking(port: u16, word: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let weather = Arc::new(watch::Sender::new(Weather { port, ..Weather::default() }));
        let (count, connections) = watch::channel((0, 0));
        let (count, current) = (Arc::new(count), Arc::clone(&weather));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let refusing = current.borrow().refusing;
                if refusing {
                    continue;
                }
                let mut number = 0;
                count.send_modify(|(ever, open)| {
                    number = *ever;
                    *ever += 1;
                    *open += 1;
                });
                let (weather, count) = (current.subscribe(), Arc::clone(&count));
                tokio::spawn(async move {
                    carry(client, number, word, weather).await;
                    count.send_modify(|(_, open)| *open -= 1);
                });
            }
        });
        Self { addr, weather, connections }
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Everything passes; connections that were cut or silenced stay so.
    pub fn heal(&self) {
        self.change(|weather| {
            let Weather { port, cut_below, silent_below, .. } = *weather;
            *weather = Weather { port, cut_below, silent_below, ..Weather::default() };
        });
    }

    /// New connections lead to this port, as when a balancer has noticed.
    pub fn lead_to(&self, port: u16) {
        self.change(|weather| weather.port = port);
    }

    /// Nothing passes in either direction until [`Self::heal`]. Connections stay open, new ones are accepted and hang.
    pub fn partition(&self) {
        self.change(|weather| weather.partitioned = true);
    }

    /// Each answer comes so much later, in the same order.
    pub fn answer_late(&self, late: Duration) {
        self.change(|weather| weather.late = late);
    }

    /// Every connection breaks.
    pub fn cut(&self) {
        let ever = self.connections.borrow().0;
        self.change(|weather| weather.cut_below = ever);
    }

    /// Every connection breaks and new ones do not get through, until [`Self::heal`].
    pub fn refuse(&self) {
        self.change(|weather| weather.refusing = true);
        self.cut();
    }

    /// On the marked connections that are open nothing is answered any more; they stay open.
    pub fn silence_marked(&self) {
        let ever = self.connections.borrow().0;
        self.change(|weather| weather.silent_below = ever);
    }

    fn change(&self, how: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(how);
    }

    /// Waits until there were so many connections in all.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn connections_ever(&self, least: u64) {
        self.wait("so many connections", |(ever, _)| ever >= least).await;
    }

    /// Waits until none is open.
    ///
    /// # Panics
    /// When some stay.
    pub async fn nobody_connected(&self) {
        self.wait("no connection", |(_, open)| open == 0).await;
    }

    async fn wait(&self, what: &str, is_so: impl Fn((u64, u64)) -> bool) {
        let mut connections = self.connections.clone();
        let waiting = connections.wait_for(|counts| is_so(*counts));
        let came = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(came, "it does not come to {what}: {:?}", *self.connections.borrow());
    }
}

/// One connection, until either end or the weather closes it.
async fn carry(client: TcpStream, number: u64, word: &'static str, mut weather: watch::Receiver<Weather>) {
    let way = weather.clone();
    let carrying = async move {
        let mut way = way;
        // The other side does not even learn that somebody wants to connect.
        if way.wait_for(|weather| !weather.partitioned).await.is_err() {
            return;
        }
        let port = way.borrow().port;
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        let marked = Arc::new(AtomicBool::new(word.is_empty()));
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let asking =
            pump(from_client, to_server, Passage { weather: way.clone(), number, marked: Arc::clone(&marked), watches: Some(word) });
        let answering = pump(from_server, to_client, Passage { weather: way, number, marked, watches: None });
        tokio::join!(asking, answering);
    };
    tokio::select! {
        () = carrying => {}
        _ = weather.wait_for(|weather| weather.cut_below > number) => {}
    }
}

/// One direction of a connection.
struct Passage {
    weather: watch::Receiver<Weather>,
    number: u64,
    marked: Arc<AtomicBool>,
    /// The word to look for, in the direction of the questions; answers are late or silent.
    watches: Option<&'static str>,
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, passage: Passage) {
    let Passage { mut weather, number, marked, watches } = passage;
    let (pieces, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let late = weather.clone();
    let reading = async move {
        let mut buffer = vec![0; PIECE_BYTES];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let piece = buffer[..length].to_vec();
            match watches {
                Some(word) if !word.is_empty() && piece.windows(word.len()).any(|part| part == word.as_bytes()) => {
                    marked.store(true, Ordering::Relaxed);
                }
                _ => {}
            }
            let delay = if watches.is_none() { late.borrow().late } else { Duration::ZERO };
            let silent = watches.is_none() && late.borrow().silent_below > number && marked.load(Ordering::Relaxed);
            if !silent && pieces.send((Instant::now() + delay, piece)).await.is_err() {
                break;
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = arriving.recv().await {
            tokio::time::sleep_until(due).await;
            if weather.wait_for(|weather| !weather.partitioned).await.is_err() || to.write_all(&piece).await.is_err() {
                break;
            }
        }
        // The other end is gone already, or learns it so.
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each byte with the same.
    async fn echo() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        port
    }

    async fn connect(proxy: &FaultProxy) -> TcpStream {
        TcpStream::connect(proxy.addr()).await.expect("the proxy listens")
    }

    async fn say(stream: &mut TcpStream, text: &str) {
        stream.write_all(text.as_bytes()).await.expect("it is open");
    }

    async fn hear(stream: &mut TcpStream, length: usize) -> String {
        let mut heard = vec![0; length];
        let hearing = stream.read_exact(&mut heard);
        tokio::time::timeout(PATIENCE, hearing).await.expect("an answer comes").expect("it is open");
        String::from_utf8(heard).expect("text")
    }

    async fn is_closed(stream: &mut TcpStream) -> bool {
        let mut heard = [0];
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await.expect("the end comes");
        matches!(end, Ok(0) | Err(_))
    }

    /// A piece that was sent on another connection has come back, so anything that was on its way before has too.
    async fn nothing_comes(proxy: &FaultProxy, stream: &TcpStream) {
        let mut other = connect(proxy).await;
        say(&mut other, "other").await;
        hear(&mut other, 5).await;
        assert_eq!(stream.try_read(&mut [0; 8]).map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
    }

    #[tokio::test]
    async fn in_good_weather_everything_passes_and_an_end_is_passed_on() {
        let proxy = FaultProxy::to(echo().await).await;
        let mut stream = connect(&proxy).await;
        let text = "a".repeat(3 * PIECE_BYTES);
        say(&mut stream, &text).await;
        assert_eq!(hear(&mut stream, text.len()).await, text);
        stream.shutdown().await.expect("it is open");
        assert!(is_closed(&mut stream).await);
        proxy.nobody_connected().await;
    }

    #[tokio::test]
    async fn late_answers_keep_their_order() {
        let proxy = FaultProxy::to(echo().await).await;
        let mut stream = connect(&proxy).await;
        let late = Duration::from_millis(80);
        proxy.answer_late(late);
        let begun = Instant::now();
        say(&mut stream, "one").await;
        assert_eq!(hear(&mut stream, 3).await, "one");
        assert!(begun.elapsed() >= late);
        say(&mut stream, "two").await;
        proxy.heal();
        say(&mut stream, "three").await;
        assert_eq!(hear(&mut stream, 8).await, "twothree");
    }

    #[tokio::test]
    async fn a_partition_holds_back_and_loses_nothing() {
        let proxy = FaultProxy::to(echo().await).await;
        let mut stream = connect(&proxy).await;
        say(&mut stream, "before").await;
        hear(&mut stream, 6).await;
        proxy.partition();
        say(&mut stream, "during").await;
        let mut hanging = connect(&proxy).await;
        say(&mut hanging, "new").await;
        proxy.connections_ever(2).await;
        assert_eq!(stream.try_read(&mut [0; 8]).map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
        proxy.heal();
        assert_eq!(hear(&mut stream, 6).await, "during");
        assert_eq!(hear(&mut hanging, 3).await, "new");
    }

    #[tokio::test]
    async fn cut_connections_end_and_refused_ones_do_not_begin() {
        let proxy = FaultProxy::to(echo().await).await;
        let mut stream = connect(&proxy).await;
        say(&mut stream, "a").await;
        hear(&mut stream, 1).await;
        proxy.refuse();
        assert!(is_closed(&mut stream).await);
        assert!(is_closed(&mut connect(&proxy).await).await);
        proxy.heal();
        proxy.lead_to(echo().await);
        let mut stream = connect(&proxy).await;
        say(&mut stream, "b").await;
        assert_eq!(hear(&mut stream, 1).await, "b");
    }

    #[tokio::test]
    async fn a_silenced_connection_stays_open_and_deaf_and_a_new_one_is_not() {
        let proxy = FaultProxy::marking(echo().await, "SUBSCRIBE").await;
        let (mut subscriber, mut other) = (connect(&proxy).await, connect(&proxy).await);
        say(&mut subscriber, "SUBSCRIBE").await;
        hear(&mut subscriber, 9).await;
        say(&mut other, "PUBLISH").await;
        hear(&mut other, 7).await;
        proxy.silence_marked();
        say(&mut subscriber, "anybody?").await;
        nothing_comes(&proxy, &subscriber).await;
        say(&mut other, "PUBLISH").await;
        assert_eq!(hear(&mut other, 7).await, "PUBLISH");
        proxy.heal();
        say(&mut subscriber, "anybody?").await;
        nothing_comes(&proxy, &subscriber).await;
        let mut again = connect(&proxy).await;
        say(&mut again, "SUBSCRIBE").await;
        assert_eq!(hear(&mut again, 9).await, "SUBSCRIBE");
    }
}
