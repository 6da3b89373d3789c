//! One socket of the floor and what waits to be written to it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::TcpStream;
use std::rc::Rc;

use super::FRAMES;

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) upgraded: bool,
    /// The kernel's buffer is full; the poller tells when it is not.
    pub(super) blocked: bool,
    /// The beginning of a message whose end has not arrived.
    pub(super) partial: Vec<u8>,
    pub(super) channels: Vec<Vec<u8>>,
    queue: VecDeque<Rc<[u8]>>,
    /// Bytes of the first frame that are written.
    written: usize,
    dirty: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            upgraded: false,
            blocked: false,
            partial: Vec::new(),
            channels: Vec::new(),
            queue: VecDeque::new(),
            written: 0,
            dirty: false,
        }
    }

    /// Whether the caller must now see to it that it is flushed.
    pub(super) fn push(&mut self, frame: Rc<[u8]>) -> bool {
        self.queue.push_back(frame);
        !self.blocked && !std::mem::replace(&mut self.dirty, true)
    }

    /// False if the kernel takes no more.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        self.dirty = false;
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); FRAMES];
            let mut skip = self.written;
            let mut filled = 0;
            for (slice, frame) in slices.iter_mut().zip(&self.queue) {
                *slice = IoSlice::new(&frame[std::mem::take(&mut skip)..]);
                filled += 1;
            }
            let result = if filled == 1 { self.stream.write(&slices[0]) } else { self.stream.write_vectored(&slices[..filled]) };
            match result {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        while let Some(frame) = self.queue.front()
            && self.written >= frame.len()
        {
            self.written -= frame.len();
            self.queue.pop_front();
        }
        if self.queue.is_empty() && self.queue.capacity() > 4 {
            self.queue = VecDeque::new();
        }
    }
}
