//! Clients that stay for the whole soak, whose connections are cut again and again, and who go on where they were. They check that nothing
//! is lost or doubled.

use std::io;
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::DELIVERED_WITHIN;
use super::work::{Place, Work, shared};
use crate::sign::KEY;
use crate::storm::{Act, Client, Seen};

/// How long a connection lives.
const LIFE_MS: std::ops::Range<u64> = 1_000..30_000;
/// How long a client is away: far less than what is kept.
const AWAY_MS: std::ops::Range<u64> = 0..3_000;
const READ_BUFFER: usize = 16 * 1024;

pub(super) async fn run(place: Place, work: Work, number: usize) {
    let mut seen = Seen::default();
    if let Err(error) = stay(&place, &work, number, &mut seen).await {
        work.failed(format!("resumer: {error}"));
    }
    work.count(|done| done.seen.add(&seen));
}

fn a_while(ms: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rand::rng().random_range(ms))
}

async fn stay(place: &Place, work: &Work, number: usize, seen: &mut Seen) -> io::Result<()> {
    let mut client = Client::new(shared(number));
    let mut began = false;
    let mut deadline = None;
    loop {
        let mut connection = Connection::open(place, &mut client).await?;
        let life = Instant::now() + a_while(LIFE_MS);
        loop {
            if client.is_live() && !began {
                began = true;
                work.is_live();
            }
            if let Some(total) = work.total(number) {
                if client.is_live() && client.last == total {
                    return Ok(());
                }
                if Instant::now() > *deadline.get_or_insert_with(|| Instant::now() + DELIVERED_WITHIN) {
                    seen.lost += total - client.last;
                    return Ok(());
                }
            } else if Instant::now() > life && client.is_live() {
                work.count(|done| done.cuts += 1);
                break;
            }
            if !connection.round(&mut client, seen).await? {
                break;
            }
        }
        drop(connection);
        client.closed(0.0);
        work.pause(a_while(AWAY_MS)).await;
    }
}

/// One socket of a client.
pub(super) struct Connection {
    stream: TcpStream,
    partial: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(place: &Place, client: &mut Client) -> io::Result<Self> {
        let mut stream = TcpStream::connect(place.addr).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&client.opened()).await?;
        Ok(Self { stream, partial: Vec::new(), buffer: vec![0; READ_BUFFER] })
    }

    /// Waits a moment for what the server sends. Whether the connection goes on.
    pub(super) async fn round(&mut self, client: &mut Client, seen: &mut Seen) -> io::Result<bool> {
        let count = match tokio::time::timeout(super::LOOK, self.stream.read(&mut self.buffer)).await {
            Err(_) => return Ok(true),
            Ok(Ok(0) | Err(_)) => return Ok(false),
            Ok(Ok(count)) => count,
        };
        self.partial.extend_from_slice(&self.buffer[..count]);
        let mut acts = Vec::new();
        let used = client.take(&self.partial, KEY, 0.0, seen, &mut acts);
        self.partial.drain(..used);
        for act in acts {
            match act {
                Act::Send(frame) => self.stream.write_all(&frame).await?,
                Act::LeaveIn(_) | Act::End => return Ok(false),
            }
        }
        Ok(true)
    }
}
