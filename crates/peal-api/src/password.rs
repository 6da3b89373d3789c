//! Password hashing: argon2id, off the async threads, a few at a time.
//!
//! Each hash takes 64 MiB and a fifth of a second, so without a bound sign-ins would be a way to exhaust the machine. At most
//! one per spare core runs; who waits longer than two seconds is told to come back. No caller holds a database connection meanwhile.

mod policy;

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use peal_core::{ErrorCode, Refusal};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use crate::config::PasswordCost;

pub(crate) use policy::check as policy_check;

const QUEUE_MAX: Duration = Duration::from_secs(2);

/// A password as typed, normalised once (NFC), so that two keyboards that compose letters differently mean the same.
pub(crate) struct Password(SecretString);

impl Password {
    pub(crate) fn new(typed: &str) -> Self {
        Password(typed.nfc().collect::<String>().into())
    }

    fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and stored under other parameters than the present ones: here is the hash to store instead.
    RightRehashed(String),
}

#[derive(Clone)]
pub(crate) struct Passwords {
    params: Params,
    /// Bound: one less than the cores, at least one. When it is used up callers wait [`QUEUE_MAX`], then are refused.
    running: Arc<Semaphore>,
    /// Belongs to no password; checked for unknown users so that their answer takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost) -> Self {
        let params = cost.params().clone();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let nobody = phc_of_nobody(&params).into();
        Passwords { params, running: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))), nobody }
    }

    /// # Errors
    /// `overloaded`.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Refusal> {
        let params = self.params.clone();
        self.run(move || hash(&params, &password)).await?
    }

    /// Compares with a stored hash, or spends the same time when there is none.
    ///
    /// # Errors
    /// `overloaded`.
    pub(crate) async fn verify(&self, password: Password, stored: Option<&str>) -> Result<Verdict, Refusal> {
        let (params, known) = (self.params.clone(), stored.is_some());
        let stored = stored.unwrap_or(&self.nobody).to_owned();
        self.run(move || verify(&params, &password, &stored, known)).await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let turn = tokio::time::timeout(QUEUE_MAX, self.running.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Refusal::of(ErrorCode::Overloaded).retry_after(2_000));
        };
        // The turn goes with the work: a caller who hangs up must not free it while the hash still runs.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|_| Refusal::of(ErrorCode::Internal))
    }
}

/// Hashes on the calling thread, for `peal dev` and its one account.
///
/// # Errors
/// Only when argon2 refuses, which for a valid cost it does not.
pub fn password_hash(cost: &PasswordCost, password: &str) -> Result<String, Refusal> {
    hash(cost.params(), &Password::new(password))
}

fn hash(params: &Params, password: &Password) -> Result<String, Refusal> {
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash = hasher.hash_password(password.expose().as_bytes()).map_err(|_| Refusal::of(ErrorCode::Internal))?;
    Ok(hash.to_string())
}

fn verify(params: &Params, password: &Password, stored: &str, known: bool) -> Result<Verdict, Refusal> {
    let Ok(parsed) = PasswordHash::new(stored) else {
        tracing::error!("a stored password hash cannot be read");
        return Ok(Verdict::Wrong);
    };
    let right = Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok();
    if !right || !known {
        return Ok(Verdict::Wrong);
    }
    let same_cost = Params::try_from(&parsed)
        .is_ok_and(|stored| (stored.m_cost(), stored.t_cost(), stored.p_cost()) == (params.m_cost(), params.t_cost(), params.p_cost()));
    if same_cost { Ok(Verdict::Right) } else { hash(params, password).map(Verdict::RightRehashed) }
}

/// A hash in the form of all others, of random bytes.
fn phc_of_nobody(params: &Params) -> String {
    let (mut salt, mut tag) = ([0u8; 16], [0u8; 32]);
    rand::rng().fill_bytes(&mut salt);
    rand::rng().fill_bytes(&mut tag);
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    format!("$argon2id$v=19$m={m},t={t},p={p}${}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory_kib: u32) -> Passwords {
        Passwords::new(PasswordCost::new(memory_kib, 1).unwrap())
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let passwords = passwords(8);
        let stored = passwords.hash(Password::new("a long enough one")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert_eq!(passwords.verify(Password::new("a long enough one"), Some(&stored)).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.verify(Password::new("a long enough One"), Some(&stored)).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify(Password::new("a long enough one"), Some("damaged")).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn composed_and_decomposed_letters_are_the_same_password() {
        let passwords = passwords(8);
        let stored = passwords.hash(Password::new("cafe\u{301} au lait")).await.unwrap();
        assert_eq!(passwords.verify(Password::new("caf\u{e9} au lait"), Some(&stored)).await.unwrap(), Verdict::Right);
    }

    #[tokio::test]
    async fn a_hash_under_other_parameters_is_replaced() {
        let stored = passwords(8).hash(Password::new("a long enough one")).await.unwrap();
        let stronger = passwords(16);
        let Verdict::RightRehashed(new) = stronger.verify(Password::new("a long enough one"), Some(&stored)).await.unwrap() else {
            panic!("it is to be replaced");
        };
        assert_eq!(stronger.verify(Password::new("a long enough one"), Some(&new)).await.unwrap(), Verdict::Right);
    }

    #[tokio::test]
    async fn nobody_has_a_hash_of_the_same_cost_and_no_password() {
        let passwords = passwords(16);
        let parsed = PasswordHash::new(&passwords.nobody).expect("it is well formed, or it would take no time to refuse");
        assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), 16);
        assert_eq!(passwords.verify(Password::new(""), None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_longer_than_two_seconds_is_sent_away() {
        let passwords = passwords(8);
        let _all = passwords.running.clone().acquire_many_owned(passwords.running.available_permits() as u32).await.unwrap();
        let refused = passwords.hash(Password::new("a long enough one")).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Overloaded);
        assert!(refused.retry_after_ms.is_some());
    }
}
