//! Positions: (era, seq), the coordinates of a publication in its topic (DESIGN 5.2).

use std::fmt;
use std::str::FromStr;

use crate::id::IdError;

/// Where a publication stands in its topic. `seq` grows by one within an era, from 1; a new era begins whenever continuity
/// cannot be proved, and no era is ever used twice. `F-0` is the position of a topic without messages.
///
/// The order of the derived `Ord` is only meaningful within one topic; a higher era is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Below 2^53, so that it is exact in Lua and JavaScript numbers.
    pub era: u64,
    pub seq: u64,
}

impl Position {
    #[must_use]
    pub const fn new(era: u64, seq: u64) -> Self {
        Self { era, seq }
    }

    /// Whether `self` directly follows `last` within one era.
    #[must_use]
    pub fn follows(self, last: Self) -> bool {
        self.era == last.era && self.seq == last.seq + 1
    }

    #[must_use]
    pub fn next(self) -> Self {
        Self { era: self.era, seq: self.seq + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.era, self.seq)
    }
}

impl FromStr for Position {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let number = |t: &str| -> Result<u64, IdError> {
            if t.is_empty() || t.len() > 16 || !t.bytes().all(|b| b.is_ascii_digit()) {
                return Err(IdError("position"));
            }
            t.parse().map_err(|_| IdError("position"))
        };
        let (era, seq) = s.split_once('-').ok_or(IdError("position"))?;
        Ok(Self { era: number(era)?, seq: number(seq)? })
    }
}

impl serde::Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_and_nonsense_is_refused() {
        assert_eq!("3815-17".parse(), Ok(Position::new(3815, 17)));
        assert_eq!(Position::new(3815, 17).to_string(), "3815-17");
        for bad in ["", "-", "1-", "-1", "1", "1-2-3", "a-1", "+1-2", "99999999999999999-1"] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }
}
