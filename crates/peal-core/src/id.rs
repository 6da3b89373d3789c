//! Identifiers as types, so that an app id can never stand where another number is meant.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the id it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct IdError(pub &'static str);

/// An app: the unit of isolation. 1 to 15 decimal digits, because Pusher's libraries accept nothing else; new ones have at
/// least 9 random digits. Travels as text in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(i64);

impl AppId {
    pub const MAX: i64 = 999_999_999_999_999;

    pub fn new(value: i64) -> Result<Self, IdError> {
        if (1..=Self::MAX).contains(&value) { Ok(Self(value)) } else { Err(IdError("app id")) }
    }

    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl FromStr for AppId {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        if s.is_empty() || s.len() > 15 || s.starts_with('0') || !s.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IdError("app id"));
        }
        Self::new(s.parse().map_err(|_| IdError("app id"))?)
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An organisation: whoever owns apps and pays for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrgId(pub uuid::Uuid);

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The public half of a key: 1 to 64 characters of `A-Z a-z 0-9 _ -`, unique over all apps. It is what logs may name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let valid = (1..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if valid { Ok(Self(s.into())) } else { Err(IdError("key id")) }
    }
}

impl std::borrow::Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message's identity, 1 to 64 characters of `A-Z a-z 0-9 _ - . :`. Given by the publisher, or a UUIDv7.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Arc<str>);

impl MessageId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In lower case with dashes, which needs no check.
impl From<uuid::Uuid> for MessageId {
    fn from(id: uuid::Uuid) -> Self {
        Self((&*id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer())).into())
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        if (1..=64).contains(&s.len()) && s.bytes().all(allowed) { Ok(Self(s.into())) } else { Err(IdError("message id")) }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One connection, unique over the whole deployment. The upper half says where it lives (node 16 bits, core 8, slot 24,
/// generation 16), the lower half is random, so that an id cannot be guessed. Two spellings of the same value: 22
/// characters of base64url on the native wire, and `D.D` as Pusher's `socket_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    place: u64,
    random: u64,
}

/// Where a connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub node: u16,
    pub core: u8,
    /// At most 2^24 - 1.
    pub slot: u32,
    pub generation: u16,
}

impl ConnectionId {
    #[must_use]
    pub fn new(place: Place, random: u64) -> Self {
        debug_assert!(place.slot < 1 << 24);
        let packed = (u64::from(place.node) << 48)
            | (u64::from(place.core) << 40)
            | (u64::from(place.slot & 0x00ff_ffff) << 16)
            | u64::from(place.generation);
        Self { place: packed, random }
    }

    #[must_use]
    pub fn place(self) -> Place {
        Place {
            node: (self.place >> 48) as u16,
            core: (self.place >> 40) as u8,
            slot: (self.place >> 16) as u32 & 0x00ff_ffff,
            generation: self.place as u16,
        }
    }

    /// Pusher's spelling.
    #[must_use]
    pub fn socket_id(self) -> String {
        format!("{}.{}", self.place, self.random)
    }

    /// Reads Pusher's spelling.
    pub fn from_socket_id(s: &str) -> Result<Self, IdError> {
        let half = |t: &str| -> Result<u64, IdError> {
            if t.is_empty() || !t.bytes().all(|b| b.is_ascii_digit()) {
                return Err(IdError("socket id"));
            }
            t.parse().map_err(|_| IdError("socket id"))
        };
        let (place, random) = s.split_once('.').ok_or(IdError("socket id"))?;
        Ok(Self { place: half(place)?, random: half(random)? })
    }

    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.place) << 64) | u128::from(self.random)).to_be_bytes()
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let value = u128::from_be_bytes(bytes);
        Self { place: (value >> 64) as u64, random: value as u64 }
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }
}

impl FromStr for ConnectionId {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(s, &mut bytes) {
            Ok(16) => Ok(Self::from_bytes(bytes)),
            _ => Err(IdError("connection id")),
        }
    }
}

macro_rules! serde_as_text {
    ($($id:ty),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(AppId, KeyId, MessageId, ConnectionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_keeps_its_place_in_both_spellings() {
        let place = Place { node: 65_535, core: 3, slot: (1 << 24) - 1, generation: 9 };
        let id = ConnectionId::new(place, u64::MAX);
        assert_eq!(id.place(), place);
        assert_eq!(ConnectionId::from_socket_id(&id.socket_id()), Ok(id));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 22);
    }

    #[test]
    fn foreign_socket_ids_are_refused_and_never_panic() {
        for bad in ["", ".", "1.", ".1", "1.2.3", "a.b", "1", "-1.2", "99999999999999999999.1", "+1.2"] {
            assert!(ConnectionId::from_socket_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn app_ids_are_digits_without_leading_zero() {
        assert_eq!("123456789".parse::<AppId>().map(AppId::get), Ok(123_456_789));
        for bad in ["", "0", "012", "12a", "-1", "1234567890123456", "١٢"] {
            assert!(bad.parse::<AppId>().is_err(), "{bad}");
        }
    }
}
