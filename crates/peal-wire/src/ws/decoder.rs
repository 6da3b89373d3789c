//! From bytes to messages. The idea: nearly every frame arrives whole in one read, so it is unmasked where it lies and lent
//! out, and an idle connection owns nothing. Only what did not arrive whole is copied, into a box that is given back with the
//! message.
//!
//! Memory follows what a client *sent*, never what a header *announces*; a message over the limit is refused at the header.

use super::event::{Event, Limits};
use super::header::{self, Header, MASKED_MAX};
use super::partial::{Frame, Lent, Partial};
use super::{Opcode, Violation, ViolationKind};

/// Bytes just read, consumed from the front and unmasked in place.
#[derive(Debug)]
pub struct Input<'i> {
    bytes: &'i mut [u8],
    at: usize,
}

impl<'i> Input<'i> {
    #[must_use]
    pub fn new(bytes: &'i mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Takes up to `n` bytes from the front, where they lie.
    fn take(&mut self, n: usize) -> std::ops::Range<usize> {
        let from = self.at;
        self.at = self.bytes.len().min(from + n);
        from..self.at
    }
}

/// The state of one connection's inbound half.
///
/// ```
/// # use peal_wire::ws::{Decoder, Event, Input, Limits};
/// let mut decoder = Decoder::default();
/// let mut read = *b"\x81\x82\x00\x00\x00\x00hi";
/// let mut input = Input::new(&mut read);
/// while let Some(event) = decoder.next(&mut input, &Limits::new(4096)).expect("a well-behaved client") {
///     assert_eq!(event, Event::Text("hi"));
/// }
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
    closed: bool,
}

/// What one step found. Ranges lie in the input.
enum Step {
    Starved,
    Continue,
    InPlace(Opcode, std::ops::Range<usize>),
    Assembled(Opcode),
}

impl Decoder {
    /// The next message or control frame, or `None` once the input is used up. Call it until then: what is left in the input is
    /// lost otherwise.
    ///
    /// # Errors
    /// The connection must be closed with the violation's code; later calls find nothing.
    pub fn next<'b>(&'b mut self, input: &'b mut Input<'_>, limits: &Limits) -> Result<Option<Event<'b>>, Violation> {
        self.give_back();
        let step = loop {
            if self.closed {
                return Ok(None);
            }
            match self.step(input, limits) {
                Ok(Step::Continue) => {}
                Ok(Step::Starved) => return Ok(None),
                Ok(step) => break step,
                Err(kind) => {
                    self.closed = true;
                    return Err(kind.into());
                }
            }
        };
        let (opcode, bytes) = match step {
            Step::InPlace(opcode, range) => (opcode, &input.bytes[range]),
            Step::Assembled(opcode) => (opcode, self.partial.as_deref().map_or(&[][..], |partial| partial.lent())),
            Step::Starved | Step::Continue => return Ok(None),
        };
        Event::of(opcode, bytes).map(Some).map_err(|kind| {
            self.closed = true;
            kind.into()
        })
    }

    fn step(&mut self, input: &mut Input<'_>, limits: &Limits) -> Result<Step, ViolationKind> {
        if let Some(frame) = self.partial.as_ref().and_then(|partial| partial.frame) {
            return self.continue_frame(frame, input);
        }
        let Some(header) = self.take_header(input)? else { return Ok(Step::Starved) };
        self.admit(&header, limits)?;
        let whole = input.rest().len() as u64 >= header.length;
        let in_message = self.partial.as_ref().is_some_and(|partial| partial.message.is_some());
        if whole && (header.opcode.is_control() || (header.fin && !in_message)) {
            let range = input.take(header.length as usize);
            header::unmask(&mut input.bytes[range.clone()], header.mask, 0);
            self.closed |= header.opcode == Opcode::Close;
            return Ok(Step::InPlace(header.opcode, range));
        }
        self.partial.get_or_insert_default().begin(&header);
        self.continue_frame(Frame { header, received: 0 }, input)
    }

    /// The header of the next frame, put together from what is held and what has arrived.
    fn take_header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, ViolationKind> {
        let held = self.partial.as_ref().map_or(0, |partial| usize::from(partial.header_len));
        if held == 0 {
            if let Some((header, size)) = header::parse(input.rest())? {
                input.take(size);
                return Ok(Some(header));
            }
            if input.rest().is_empty() {
                return Ok(None);
            }
        }
        let partial = self.partial.get_or_insert_default();
        let rest = input.rest();
        let filled = held + rest.len().min(MASKED_MAX - held);
        partial.header[held..filled].copy_from_slice(&rest[..filled - held]);
        let parsed = header::parse(&partial.header[..filled])?;
        let (header, size) = parsed.map_or((None, filled), |(header, size)| (Some(header), size));
        input.take(size - held);
        partial.header_len = if header.is_some() { 0 } else { filled as u8 };
        Ok(header)
    }

    /// Judges a frame by its header and the message it belongs to.
    fn admit(&mut self, header: &Header, limits: &Limits) -> Result<(), ViolationKind> {
        let message = self.partial.as_mut().and_then(|partial| partial.message.as_mut());
        let held = match (header.opcode, message) {
            (Opcode::Continuation, None) | (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ViolationKind::Continuation),
            (Opcode::Text | Opcode::Binary, None) => 0,
            (Opcode::Continuation, Some(message)) => {
                message.fragments += 1;
                if message.fragments > limits.fragments {
                    return Err(ViolationKind::TooFragmented);
                }
                message.bytes.len()
            }
            (Opcode::Close | Opcode::Ping | Opcode::Pong, message) => {
                if let Some(message) = message {
                    message.controls += 1;
                    if message.controls > limits.fragments {
                        return Err(ViolationKind::TooFragmented);
                    }
                }
                return Ok(());
            }
        };
        if header.length > limits.message_bytes.saturating_sub(held) as u64 { Err(ViolationKind::TooLarge) } else { Ok(()) }
    }

    /// Takes what has arrived of a frame's payload.
    fn continue_frame(&mut self, mut frame: Frame, input: &mut Input<'_>) -> Result<Step, ViolationKind> {
        let length = frame.header.length as usize;
        let range = input.take(length - frame.received);
        let arrived = &mut input.bytes[range];
        header::unmask(arrived, frame.header.mask, frame.received);
        frame.received += arrived.len();
        let complete = frame.received == length;
        let partial = self.partial.get_or_insert_default();
        partial.frame = (!complete).then_some(frame);
        let opcode = frame.header.opcode;
        match &mut partial.message {
            Some(message) if !opcode.is_control() => {
                message.push(arrived)?;
                if !complete {
                    return Ok(Step::Starved);
                }
                if !frame.header.fin {
                    return Ok(Step::Continue);
                }
                partial.lent = Some(Lent::Message);
                Ok(Step::Assembled(if message.text { Opcode::Text } else { Opcode::Binary }))
            }
            _ => {
                partial.control.extend_from_slice(arrived);
                if !complete {
                    return Ok(Step::Starved);
                }
                partial.lent = Some(Lent::Control);
                self.closed |= opcode == Opcode::Close;
                Ok(Step::Assembled(opcode))
            }
        }
    }

    /// Frees what the last call lent out, and the box if nothing else is in it.
    fn give_back(&mut self) {
        let Some(partial) = &mut self.partial else { return };
        match partial.lent.take() {
            Some(Lent::Message) => partial.message = None,
            Some(Lent::Control) => partial.control = Vec::new(),
            None => {}
        }
        if self.closed || partial.is_idle() {
            self.partial = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            0..=125 => frame.push(0x80 | payload.len() as u8),
            _ => {
                frame.push(0xfe);
                frame.extend((payload.len() as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }

    /// Feeds bytes and answers how many events came out.
    fn feed(decoder: &mut Decoder, bytes: &[u8]) -> usize {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        let mut events = 0;
        while decoder.next(&mut input, &Limits::new(20_000)).expect("a well-behaved client").is_some() {
            events += 1;
        }
        events
    }

    #[test]
    fn an_idle_connection_costs_two_words() {
        assert!(size_of::<Decoder>() <= 16);
    }

    #[test]
    fn whole_frames_are_never_copied() {
        let mut decoder = Decoder::default();
        assert_eq!(feed(&mut decoder, &[masked(0x81, b"one"), masked(0x89, b""), masked(0x82, &[7; 5_000])].concat()), 3);
        assert!(decoder.partial.is_none());
    }

    #[test]
    fn memory_follows_what_was_sent_and_is_given_back() {
        let mut decoder = Decoder::default();
        let frame = masked(0x81, &[b'x'; 16_000]);
        assert_eq!(feed(&mut decoder, &frame[..100]), 0);
        assert!(decoder.partial.as_ref().is_some_and(|partial| partial.held_bytes() < 1_000), "16,000 bytes were only announced");
        assert_eq!(feed(&mut decoder, &frame[100..]), 1);
        assert!(decoder.partial.is_none());

        let ping = masked(0x89, b"ping");
        assert_eq!(feed(&mut decoder, &[masked(0x01, b"frag"), ping[..7].to_vec()].concat()), 0);
        assert_eq!(feed(&mut decoder, &[&ping[7..], &masked(0x80, b"ment")].concat()), 2);
        assert!(decoder.partial.is_none());
    }
}
