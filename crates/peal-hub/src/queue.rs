//! A connection's outbound queue: handles to shared frames, bounded in bytes.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

/// How a connection ends once its queue is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Mono milliseconds: if the queue is not written by then, the socket is cut.
    pub deadline_ms: u64,
}

/// Final bytes (WebSocket headers included), written in order. What was begun is always finished, so a frame is never cut in half.
#[derive(Debug, Default)]
pub struct OutQueue {
    frames: VecDeque<Bytes>,
    /// Bytes of the first frame that are written already.
    written: usize,
    /// Bytes waiting, the written part of the first frame excluded.
    bytes: usize,
    closing: Option<Closing>,
}

impl OutQueue {
    pub fn push(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Fills `slices` from the front and answers how many it filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let mut filled = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(&frame[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// `n` bytes from the front were taken by the kernel; answers how many frames were finished.
    pub fn advance(&mut self, n: usize) -> usize {
        self.bytes -= n;
        let mut left = self.written + n;
        let mut finished = 0;
        while let Some(frame) = self.frames.front() {
            if left < frame.len() {
                break;
            }
            left -= frame.len();
            self.frames.pop_front();
            finished += 1;
        }
        self.written = left;
        if self.frames.is_empty() && self.frames.capacity() > 4 {
            self.frames = VecDeque::new();
        }
        finished
    }

    pub fn close_after_flush(&mut self, closing: Closing) {
        self.closing.get_or_insert(closing);
    }

    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        self.closing
    }
}
