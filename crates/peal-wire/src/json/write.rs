//! Writing JSON straight into a frame's buffer. Keys are literals of this crate and need no escaping.

use std::fmt::Display;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

const INFALLIBLE: &str = "writing to a Vec cannot fail";

/// A JSON string, escaped as serde_json does.
pub(crate) fn text(buf: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(buf, value).expect(INFALLIBLE);
}

/// What serde can print; without line breaks.
pub(crate) fn value(buf: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(buf, value).expect(INFALLIBLE);
}

/// JSON text as it is, but for line breaks between its tokens, which become spaces: on the native wire a line break ends an
/// object. (Inside of JSON strings there are none; they are escaped.)
pub(crate) fn raw(buf: &mut Vec<u8>, json: &str) {
    let from = buf.len();
    buf.extend_from_slice(json.as_bytes());
    for byte in &mut buf[from..] {
        // Stored in any case, so that the loop needs no branch.
        *byte = if matches!(*byte, b'\n' | b'\r') { b' ' } else { *byte };
    }
}

/// What prints as digits, or as text that needs no escape.
pub(crate) fn number(buf: &mut Vec<u8>, value: impl Display) {
    write!(buf, "{value}").expect(INFALLIBLE);
}

/// A JSON string of the base64 of `bytes` (RFC 4648 section 4, padded).
pub(crate) fn base64_text(buf: &mut Vec<u8>, bytes: &[u8]) {
    buf.push(b'"');
    buf.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    buf.push(b'"');
}

/// `[…]` with one element per item.
pub(crate) fn list<T>(buf: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Vec<u8>, T)) {
    buf.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            buf.push(b',');
        }
        each(buf, item);
    }
    buf.push(b']');
}

/// One `{…}` in the making; [`Object::end`] closes it.
#[derive(Debug)]
pub(crate) struct Object<'b> {
    buf: &'b mut Vec<u8>,
    empty: bool,
}

impl<'b> Object<'b> {
    pub(crate) fn begin(buf: &'b mut Vec<u8>) -> Self {
        buf.push(b'{');
        Self { buf, empty: true }
    }

    /// The buffer, positioned for the value of `key`.
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        self.separate();
        self.buf.push(b'"');
        self.buf.extend_from_slice(key.as_bytes());
        self.buf.extend_from_slice(b"\":");
        self.buf
    }

    /// As [`Self::key`] for a key that comes from outside.
    pub(crate) fn escaped_key(&mut self, key: &str) -> &mut Vec<u8> {
        self.separate();
        text(self.buf, key);
        self.buf.push(b':');
        self.buf
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        text(self.key(key), value);
    }

    pub(crate) fn number(&mut self, key: &'static str, value: impl Display) {
        number(self.key(key), value);
    }

    /// For ids and positions, whose characters need no escape.
    pub(crate) fn plain(&mut self, key: &'static str, value: impl Display) {
        let buf = self.key(key);
        write!(buf, "\"{value}\"").expect(INFALLIBLE);
    }

    pub(crate) fn flag(&mut self, key: &'static str, value: bool) {
        number(self.key(key), value);
    }

    pub(crate) fn raw(&mut self, key: &'static str, json: &str) {
        raw(self.key(key), json);
    }

    pub(crate) fn object(&mut self, key: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
        let mut object = Object::begin(self.key(key));
        fill(&mut object);
        object.end();
    }

    pub(crate) fn end(self) {
        self.buf.push(b'}');
    }

    fn separate(&mut self) {
        if !self.empty {
            self.buf.push(b',');
        }
        self.empty = false;
    }
}
