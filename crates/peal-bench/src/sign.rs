//! The signature of a Pusher REST request, as cheap as it can be: the key is prepared once, the query is in order already.
//! The load makes it, the floor checks it.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

/// The app that every server of a benchmark serves. It guards nothing.
pub(crate) const APP: &str = "424242424242";
pub(crate) const KEY: &str = "bench000000000000key";
pub(crate) const SECRET: &str = "bench00000000000000000000000000000000secret";

/// How many apps a server of a benchmark serves; the first is [`APP`], and all have one secret.
pub(crate) const TENANTS: u64 = 5;

pub(crate) fn app(tenant: u64) -> String {
    (APP.parse::<u64>().expect("a number") + tenant).to_string()
}

pub(crate) fn key(tenant: u64) -> String {
    format!("bench{tenant:012}key")
}

const SIGNATURE_PARAMETER: &str = "&auth_signature=";
const MD5_PARAMETER: &str = "body_md5=";

#[derive(Debug, Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(Hmac::new_from_slice(SECRET.as_bytes()).expect("HMAC accepts any key length"))
    }

    fn signature(&self, path: &[u8], query: &[u8]) -> [u8; 64] {
        let mut mac = self.0.clone();
        let parts: [&[u8]; 4] = [b"POST\n", path, b"\n", query];
        parts.iter().for_each(|part| mac.update(part));
        let mut text = [0; 64];
        hex::encode_to_slice(mac.finalize().into_bytes(), &mut text).expect("64 digits are 32 bytes");
        text
    }

    /// Path and query of a tenant's signed request with this body.
    pub(crate) fn target(&self, tenant: u64, path: &str, body: &[u8], now_s: u64) -> String {
        let key = key(tenant);
        let query = format!(
            "auth_key={key}&auth_timestamp={now_s}&auth_version=1.0&{MD5_PARAMETER}{}",
            std::str::from_utf8(&md5_hex(body)).expect("hex is ASCII")
        );
        let signature = self.signature(path.as_bytes(), query.as_bytes());
        format!("{path}?{query}{SIGNATURE_PARAMETER}{}", std::str::from_utf8(&signature).expect("hex is ASCII"))
    }

    /// Checks what [`Self::target`] made; other orders of the parameters are not known here.
    pub(crate) fn verify(&self, target: &str, body: &[u8]) -> bool {
        let Some((path, query)) = target.split_once('?') else { return false };
        let Some((query, signature)) = query.split_once(SIGNATURE_PARAMETER) else { return false };
        let Some((_, hash)) = query.split_once(MD5_PARAMETER) else { return false };
        hash.as_bytes() == md5_hex(body) && signature.as_bytes() == self.signature(path.as_bytes(), query.as_bytes())
    }
}

fn md5_hex(body: &[u8]) -> [u8; 32] {
    let mut text = [0; 32];
    hex::encode_to_slice(Md5::digest(body), &mut text).expect("32 digits are 16 bytes");
    text
}

#[cfg(test)]
mod tests {
    use peal_core::signature::PusherRequest;
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn the_first_tenant_is_the_app_of_all_other_benchmarks() {
        assert_eq!((app(0).as_str(), key(0).as_str()), (APP, KEY));
        assert_eq!(app(4), "424242424246");
    }

    #[test]
    fn peal_accepts_what_the_load_signs() {
        let target = Signer::new().target(0, "/apps/1/events", b"{}", 1_000);
        let (path, query) = target.split_once('?').expect("a query");
        let query: Vec<(String, String)> =
            query.split('&').map(|pair| pair.split_once('=').map(|(name, value)| (name.into(), value.into())).expect("a pair")).collect();
        let request = PusherRequest { method: "POST", path, query: &query, body: b"{}" };
        assert_eq!(request.verify(&SecretString::from(SECRET).into(), 1_000), Ok(()));
    }

    #[test]
    fn the_floor_refuses_what_was_changed() {
        let signer = Signer::new();
        let target = signer.target(0, "/apps/1/events", b"{}", 1_000);
        assert!(signer.verify(&target, b"{}"));
        assert!(!signer.verify(&target, b"[]"));
        assert!(!signer.verify(&target.replace("/apps/1", "/apps/2"), b"{}"));
        assert!(!signer.verify("/apps/1/events", b"{}"));
    }
}
