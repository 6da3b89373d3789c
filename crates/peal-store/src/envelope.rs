//! Envelope encryption of the secrets that must be read back.
//!
//! Invariant: a ciphertext opens only in the place it was written for. The associated data names table, column, row and org, so
//! a row copied by an attacker (or by a careless migration) to another tenant fails to decrypt instead of signing as them.
//! This module knows no SQL and no key file; [`crate::keyring`] holds the master keys.

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use rand::Rng;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use zeroize::{Zeroize, Zeroizing};

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 24;

/// A 256-bit symmetric key, erased on drop and without `Debug` of its content.
pub(crate) type SecretKey = SecretBox<[u8; KEY_BYTES]>;

pub(crate) fn key_generate() -> SecretKey {
    SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| rand::rng().fill_bytes(key))
}

/// `None` unless `bytes` has exactly the length of a key.
pub(crate) fn key_from_slice(bytes: &[u8]) -> Option<SecretKey> {
    (bytes.len() == KEY_BYTES).then(|| SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| key.copy_from_slice(bytes)))
}

/// Where a ciphertext lives. Written as `table|column|row_id|org_id`; none of the parts may contain `|`, which holds for the
/// constants of this crate, for uuids, numbers and key ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) row_id: &'a str,
    pub(crate) org_id: &'a str,
}

impl Place<'_> {
    fn associated_data(&self) -> String {
        let parts = [self.table, self.column, self.row_id, self.org_id];
        debug_assert!(parts.iter().all(|part| !part.contains('|')), "a separator inside a part would make two places one");
        parts.join("|")
    }
}

/// A nonce and a ciphertext with its tag, as stored.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

/// The ciphertext does not belong to this key, this place or this version of itself; which one cannot be told.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a stored secret does not decrypt with its key in its place")]
pub struct OpenRefused;

/// Encrypts with a nonce never used before (192 random bits).
pub(crate) fn seal(key: &SecretKey, place: Place<'_>, plaintext: &[u8]) -> Sealed {
    let mut nonce = [0u8; NONCE_BYTES];
    rand::rng().fill_bytes(&mut nonce);
    let aad = place.associated_data();
    let ciphertext = cipher(key)
        .encrypt(&nonce.into(), Payload { msg: plaintext, aad: aad.as_bytes() })
        .expect("XChaCha20-Poly1305 refuses only plaintexts beyond 256 GiB");
    Sealed { nonce: nonce.to_vec(), ciphertext }
}

pub(crate) fn open(key: &SecretKey, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenRefused> {
    let nonce: [u8; NONCE_BYTES] = sealed.nonce.as_slice().try_into().map_err(|_| OpenRefused)?;
    let aad = place.associated_data();
    cipher(key)
        .decrypt(&nonce.into(), Payload { msg: &sealed.ciphertext, aad: aad.as_bytes() })
        .map(Zeroizing::new)
        .map_err(|_| OpenRefused)
}

/// As [`open`], for secrets that are text.
pub(crate) fn open_text(key: &SecretKey, place: Place<'_>, sealed: &Sealed) -> Result<SecretString, OpenRefused> {
    let mut bytes = open(key, place, sealed)?;
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(SecretString::from(text)),
        Err(not_text) => {
            not_text.into_bytes().zeroize();
            Err(OpenRefused)
        }
    }
}

fn cipher(key: &SecretKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose_secret().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place { table: "api_key", column: "ciphertext", row_id: "k1", org_id: "o1" };

    #[test]
    fn opens_where_it_was_sealed() {
        let key = key_generate();
        let sealed = seal(&key, HERE, b"the secret");
        assert_eq!(open_text(&key, HERE, &sealed).unwrap().expose_secret(), "the secret");
    }

    #[test]
    fn refuses_every_other_place() {
        let key = key_generate();
        let sealed = seal(&key, HERE, b"the secret");
        for elsewhere in [
            Place { table: "webhook", ..HERE },
            Place { column: "other", ..HERE },
            Place { row_id: "k2", ..HERE },
            Place { org_id: "o2", ..HERE },
        ] {
            assert_eq!(open(&key, elsewhere, &sealed).unwrap_err(), OpenRefused, "{elsewhere:?}");
        }
    }

    #[test]
    fn refuses_another_key_and_every_changed_byte() {
        let key = key_generate();
        let sealed = seal(&key, HERE, b"the secret");
        assert!(open(&key_generate(), HERE, &sealed).is_err());
        for index in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[index] ^= 1;
            assert!(open(&key, HERE, &changed).is_err(), "byte {index}");
        }
        let short_nonce = Sealed { nonce: vec![0; 12], ..sealed };
        assert!(open(&key, HERE, &short_nonce).is_err());
    }

    #[test]
    fn the_same_text_never_looks_the_same() {
        let key = key_generate();
        let (first, second) = (seal(&key, HERE, b"x"), seal(&key, HERE, b"x"));
        assert_ne!(first.nonce, second.nonce);
        assert_ne!(first.ciphertext, second.ciphertext);
    }
}
