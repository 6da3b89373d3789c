//! A way to Redis that loses chosen publications: whatever is pushed to a subscriber and holds one of the words is left out, everything else passes.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use peal_testkit::redis::RedisServer;

/// Ends with the runtime of its test.
#[derive(Debug)]
pub(super) struct Deaf {
    port: u16,
    words: Arc<Mutex<Vec<&'static str>>>,
    lost: Arc<tokio::sync::watch::Sender<usize>>,
}

impl Deaf {
    pub(super) async fn to(server: &RedisServer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let words = Arc::<Mutex<Vec<&'static str>>>::default();
        let lost = Arc::new(tokio::sync::watch::Sender::new(0));
        let to = server.port();
        let (heard, count) = (Arc::clone(&words), Arc::clone(&lost));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
                let ((mut from_client, to_client), (from_server, mut to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let (words, lost) = (Arc::clone(&heard), Arc::clone(&count));
                tokio::spawn(async move { pass(BufReader::new(from_server), to_client, &words, &lost).await });
            }
        });
        Self { port, words, lost }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn loses(&self, words: &[&'static str]) {
        *self.words.lock().expect("no test panics while holding it") = words.to_vec();
    }

    /// Waits until so many publications were left out.
    pub(super) async fn lost(&self, count: usize) {
        let mut lost = self.lost.subscribe();
        let waiting = lost.wait_for(|lost| *lost >= count);
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("it is lost").expect("the sender lives");
    }
}

/// Answer by answer, so that what is left out is a whole one.
async fn pass(
    mut from: BufReader<OwnedReadHalf>,
    mut to: OwnedWriteHalf,
    words: &Mutex<Vec<&'static str>>,
    lost: &tokio::sync::watch::Sender<usize>,
) -> std::io::Result<()> {
    loop {
        let mut answer = Vec::new();
        // Parts that are still to come.
        let mut missing = 1_i64;
        while missing > 0 {
            let start = answer.len();
            if from.read_until(b'\n', &mut answer).await? == 0 {
                return Ok(());
            }
            let number = std::str::from_utf8(&answer[start + 1..]).ok().and_then(|text| text.trim().parse::<i64>().ok());
            missing -= 1;
            match (answer[start], number) {
                (b'*' | b'>', Some(parts)) => missing += parts.max(0),
                (b'$', Some(length @ 0..)) => {
                    let start = answer.len();
                    answer.resize(start + length as usize + 2, 0);
                    from.read_exact(&mut answer[start..]).await?;
                }
                _ => {}
            }
        }
        let holds = |word: &[u8]| answer.windows(word.len()).any(|part| part == word);
        let is_lost = holds(b"message\r\n") && words.lock().is_ok_and(|words| words.iter().any(|word| holds(word.as_bytes())));
        if is_lost {
            lost.send_modify(|lost| *lost += 1);
        } else {
            to.write_all(&answer).await?;
        }
    }
}
