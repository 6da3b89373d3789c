//! A key's secret, prepared for checking signatures: hashing the secret itself is two of the six blocks that a signed publish costs.

use std::fmt;
use std::ops::Deref;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Reads as the [`SecretString`] that it was made from. Both that text and the prepared state, which signs as well as the text does, are
/// wiped from memory when they are dropped (sha2's feature `zeroize`), and so are the copies that a check works on.
#[derive(Clone)]
pub struct KeySecret {
    text: SecretString,
    mac: Hmac<Sha256>,
}

impl KeySecret {
    /// Whether `given_hex` is the HMAC-SHA256 of `text`, compared as bytes in constant time; case of the hex does not matter.
    #[must_use]
    pub fn signed(&self, text: &[u8], given_hex: &str) -> bool {
        let mut given = [0; 32];
        hex::decode_to_slice(given_hex, &mut given).is_ok() && bool::from(self.hmac(text).ct_eq(&given))
    }

    pub(crate) fn hmac(&self, text: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

impl From<SecretString> for KeySecret {
    fn from(text: SecretString) -> Self {
        let mac = Hmac::new_from_slice(text.expose_secret().as_bytes()).expect("HMAC accepts any key length");
        Self { text, mac }
    }
}

impl Deref for KeySecret {
    type Target = SecretString;

    fn deref(&self) -> &SecretString {
        &self.text
    }
}

/// Prints as `[REDACTED]`.
impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn it_signs_as_its_text_does_and_prints_nothing() {
        let secret = KeySecret::from(SecretString::from("s3cret"));
        for text in ["", "short", &"long".repeat(100)] {
            let given = crate::signature::hmac_hex(&secret, text.as_bytes());
            assert!(secret.signed(text.as_bytes(), &given) && secret.signed(text.as_bytes(), &given.to_uppercase()));
            assert!(!secret.signed(b"another", &given) && !secret.signed(text.as_bytes(), &given[1..]));
        }
        assert!(!format!("{secret:?}").contains("s3cret"));
    }

    #[test]
    fn what_a_secret_is_prepared_to_is_wiped() {
        fn is_wiped<T: ZeroizeOnDrop>() {}
        is_wiped::<sha2::block_api::Sha256VarCore>();
    }
}
