//! A connection's outbound queue: handles to shared frames, bounded in bytes.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use peal_core::ErrorCode;

use crate::usage::Weight;

/// How a connection ends once its queue is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Mono milliseconds: if the queue is not written by then, the socket is cut.
    pub deadline_ms: u64,
    /// The WebSocket close code, for the log.
    pub code: u16,
    /// Why we close it; `None` if the client said good-bye.
    pub why: Option<ErrorCode>,
}

/// Final bytes (WebSocket headers included), written in order. What was begun is always finished, so a frame is never cut in half.
#[derive(Debug, Default)]
pub struct OutQueue {
    frames: VecDeque<(Bytes, Weight)>,
    /// Bytes of the first frame that are written already.
    written: usize,
    /// Bytes waiting, the written part of the first frame excluded.
    bytes: usize,
    closing: Option<Closing>,
}

impl OutQueue {
    pub fn push(&mut self, frame: Bytes, weight: Weight) {
        self.bytes += frame.len();
        self.frames.push_back((frame, weight));
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
        for (slice, (frame, _)) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(&frame[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// `n` bytes from the front were taken by the kernel; `finished` hears of each frame whose last byte was among them.
    pub fn advance(&mut self, n: usize, mut finished: impl FnMut(Weight)) {
        self.bytes -= n;
        let mut left = self.written + n;
        while let Some((frame, weight)) = self.frames.front() {
            if left < frame.len() {
                break;
            }
            left -= frame.len();
            finished(*weight);
            self.frames.pop_front();
        }
        self.written = left;
        if self.frames.is_empty() && self.frames.capacity() > 4 {
            self.frames = VecDeque::new();
        }
    }

    pub fn close_after_flush(&mut self, closing: Closing) {
        self.closing.get_or_insert(closing);
    }

    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        self.closing
    }
}
