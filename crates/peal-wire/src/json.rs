//! JSON, read with bounds and written with one escape routine.
//!
//! Reading goes through [`Fields`]: an object is split into its members once, each value stays raw text, and a field is only
//! interpreted when asked for. So payloads are never parsed and printed again, refusals name the field that is wrong, and no
//! refusal quotes what was sent (it might be a token).

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use peal_core::json::{DEPTH_MAX, depth_at_most};
use peal_core::{ErrorCode, Refusal};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

mod write;

pub(crate) use write::{Object, base64_text, list, raw, text, value};

/// # Errors
/// `nesting_too_deep`.
pub(crate) fn check_depth(text: &str) -> Result<(), Refusal> {
    if depth_at_most(text.as_bytes(), DEPTH_MAX) { Ok(()) } else { Err(ErrorCode::NestingTooDeep.into()) }
}

/// The body of a request as text.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|_| Refusal::new(ErrorCode::InvalidJson, "The body is not valid UTF-8."))
}

/// The members of one JSON object, values unread.
#[derive(Debug)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Checks the nesting of the whole text first.
    ///
    /// # Errors
    /// `nesting_too_deep`, `invalid_json` (not JSON, or not an object).
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refusal> {
        check_depth(text)?;
        Self::parse_checked(text)
    }

    /// As [`Self::parse`] for a part of a text whose nesting has been checked.
    pub(crate) fn parse_checked(text: &'a str) -> Result<Self, Refusal> {
        serde_json::from_str(text).map_err(|error| not_json(&error, "One JSON object is expected."))
    }

    /// `value` as an object; `name` is what a refusal calls it.
    pub(crate) fn of(name: &str, value: &'a RawValue) -> Result<Self, Refusal> {
        if !value.get().starts_with('{') {
            return Err(invalid(format!("`{name}` must be an object.")));
        }
        Self::parse_checked(value.get())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// The raw value, JSON `null` included.
    ///
    /// # Errors
    /// `invalid_request` if the field is given twice: readers of JSON disagree about which one counts.
    pub(crate) fn raw(&self, name: &str) -> Result<Option<&'a RawValue>, Refusal> {
        let mut found = self.iter().filter(|(given, _)| *given == name).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(invalid(format!("`{name}` is given twice."))),
            (first, None) => Ok(first),
        }
    }

    /// The raw value; `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&'a RawValue>, Refusal> {
        Ok(self.raw(name)?.filter(|value| value.get() != "null"))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        self.get(name)?.map(|value| string(value).ok_or_else(|| invalid(format!("`{name}` must be a string.")))).transpose()
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<Cow<'a, str>, Refusal> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name)?.map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(invalid(format!("`{name}` must be true or false."))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Fields(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A string, borrowed where it holds no escape. (`Option<Cow<str>>` would always copy.)
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

/// A string that is kept: copied once, whether or not it holds escapes.
#[derive(Debug)]
pub(crate) struct Kept(pub(crate) Arc<str>);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Copying;
        impl Visitor<'_> for Copying {
            type Value = Kept;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Kept(text.into()))
            }
        }
        deserializer.deserialize_str(Copying)
    }
}

/// An array that is refused at the first element beyond `MAX`, before more is read.
#[derive(Debug)]
pub(crate) struct AtMost<T, const MAX: usize>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Elements<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an array of at most {MAX}")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Self::Value, S::Error> {
                let mut list = Vec::with_capacity(MAX.min(10));
                while let Some(element) = elements.next_element()? {
                    if list.len() == MAX {
                        return Err(de::Error::invalid_length(MAX + 1, &self));
                    }
                    list.push(element);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Elements::<T, MAX>(PhantomData)).map(Self)
    }
}

/// The string that a raw value is; `None` if it is something else or no Unicode text (a lone surrogate).
pub(crate) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    if !value.get().starts_with('"') {
        return None;
    }
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// The elements of a raw array; `None` if it is something else.
pub(crate) fn array(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// As [`array`] for a whole text whose nesting has been checked.
pub(crate) fn elements(text: &str) -> Result<Vec<&RawValue>, Refusal> {
    serde_json::from_str(text).map_err(|error| not_json(&error, "One JSON array is expected."))
}

pub(crate) fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, why)
}

pub(crate) fn missing(name: &str) -> Refusal {
    invalid(format!("`{name}` is missing."))
}

fn not_json(error: &serde_json::Error, expected: &str) -> Refusal {
    use serde_json::error::Category;
    let why = match error.classify() {
        Category::Data => expected.to_owned(),
        // serde_json's sentences for these name what was expected and where, never what was found.
        Category::Eof if error.line() <= 1 && error.column() == 0 => "It is empty; send one JSON object.".to_owned(),
        Category::Syntax | Category::Eof | Category::Io => format!("Not valid JSON: {error}."),
    };
    Refusal::new(ErrorCode::InvalidJson, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_borrowed_unless_escaped() {
        let fields = Fields::parse(r#"{"a":"plain","b":"es\u0063aped","c":"\ud800","d":1,"e":null}"#).expect("an object");
        assert!(matches!(fields.text("a"), Ok(Some(Cow::Borrowed("plain")))));
        assert_eq!(fields.text("b").expect("text").as_deref(), Some("escaped"));
        assert!(fields.text("c").is_err() && fields.text("d").is_err());
        assert_eq!(fields.text("e"), Ok(None));
    }

    #[test]
    fn refusals_name_the_field_and_quote_nothing() {
        let fields = Fields::parse(r#"{"token":{"secret":1},"x":1,"x":2}"#).expect("an object");
        let refusal = fields.text("token").expect_err("not text");
        assert_eq!(refusal.detail, "`token` must be a string.");
        assert_eq!(fields.raw("x").expect_err("twice").detail, "`x` is given twice.");
        for bad in ["[]", "\"s3cret\"", "1", "{", "{\"a\":}", "", "null", "{}x", "{\"a\":1,}"] {
            let refusal = Fields::parse(bad).expect_err(bad);
            assert_eq!(refusal.code, ErrorCode::InvalidJson);
            assert!(!refusal.detail.contains("s3cret"));
        }
    }
}
