//! From bytes to messages. The idea: nearly every frame arrives whole in one read, so it is unmasked where it lies and lent
//! out, and an idle connection owns nothing. Only what did not arrive whole is copied, into a box that is given back with the
//! message.
//!
//! Memory follows what a client *sent*, never what a header *announces*; a message over the limit is refused at the header.

use super::header::{self, Header, MASKED_MAX};
use super::{Opcode, Violation, ViolationKind};

/// What one connection may send. May change between two calls of [`Decoder::next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message over all its fragments.
    pub message_bytes: usize,
    /// Frames of one message; also how many control frames may come between them.
    pub fragments: u16,
}

impl Limits {
    pub const FRAGMENTS: u16 = 64;

    #[must_use]
    pub const fn new(message_bytes: usize) -> Self {
        Self { message_bytes, fragments: Self::FRAGMENTS }
    }
}

/// A whole message or control frame; borrows from the input or the decoder until the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// The client closes; whatever it sends afterwards is ignored. No code if the frame was empty.
    Close {
        code: Option<u16>,
        reason: &'a str,
    },
}

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

/// What has arrived of frames and messages that are not complete.
#[derive(Debug, Default)]
struct Partial {
    header: [u8; MASKED_MAX],
    header_len: u8,
    frame: Option<Frame>,
    control: Vec<u8>,
    message: Option<Message>,
    /// What the last call lent out, to be given back by the next.
    lent: Option<Lent>,
}

/// A frame whose payload is arriving.
#[derive(Debug, Clone, Copy)]
struct Frame {
    header: Header,
    received: usize,
}

/// A message of which not all has arrived.
#[derive(Debug)]
struct Message {
    text: bool,
    bytes: Vec<u8>,
    /// So many bytes are known to be UTF-8.
    checked: usize,
    fragments: u16,
    controls: u16,
}

#[derive(Debug, Clone, Copy)]
enum Lent {
    Message,
    Control,
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
        event(opcode, bytes).map(Some).map_err(|kind| {
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
                message.end()?;
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

impl Partial {
    fn is_idle(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    fn begin(&mut self, header: &Header) {
        if matches!(header.opcode, Opcode::Text | Opcode::Binary) {
            let text = header.opcode == Opcode::Text;
            self.message = Some(Message { text, bytes: Vec::new(), checked: 0, fragments: 1, controls: 0 });
        }
    }

    fn lent(&self) -> &[u8] {
        match (self.lent, &self.message) {
            (Some(Lent::Message), Some(message)) => &message.bytes,
            (Some(Lent::Control), _) => &self.control,
            (Some(Lent::Message), None) | (None, _) => &[],
        }
    }
}

impl Message {
    /// Text is checked as it arrives, so that a long message that is wrong at its beginning is not waited for.
    fn push(&mut self, bytes: &[u8]) -> Result<(), ViolationKind> {
        self.bytes.extend_from_slice(bytes);
        if self.text {
            match std::str::from_utf8(&self.bytes[self.checked..]) {
                Ok(_) => self.checked = self.bytes.len(),
                Err(error) if error.error_len().is_some() => return Err(ViolationKind::NotUtf8),
                Err(error) => self.checked += error.valid_up_to(),
            }
        }
        Ok(())
    }

    fn end(&self) -> Result<(), ViolationKind> {
        if self.text && self.checked < self.bytes.len() { Err(ViolationKind::NotUtf8) } else { Ok(()) }
    }
}

fn event(opcode: Opcode, bytes: &[u8]) -> Result<Event<'_>, ViolationKind> {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| ViolationKind::NotUtf8);
    Ok(match opcode {
        Opcode::Text => Event::Text(text(bytes)?),
        Opcode::Binary | Opcode::Continuation => Event::Binary(bytes),
        Opcode::Ping => Event::Ping(bytes),
        Opcode::Pong => Event::Pong(bytes),
        Opcode::Close => match bytes {
            [] => Event::Close { code: None, reason: "" },
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                if !may_be_sent(code) {
                    return Err(ViolationKind::CloseFrame);
                }
                Event::Close { code: Some(code), reason: text(reason)? }
            }
            [_] => return Err(ViolationKind::CloseFrame),
        },
    })
}

/// RFC 6455 section 7.4 and the IANA registry: 1012 to 1014 were registered later; 1004 to 1006 and 1015 are never sent.
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
