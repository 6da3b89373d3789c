//! What is remembered of addresses, in a table that does not grow.
//!
//! Somebody with a /32 of IPv6 has 65,536 networks of 65,536 networks, and may come from each once. So the table has a fixed number of
//! sets, an address can only be in the set that a secret hash gives it, and a set holds [`WAYS`] rows. A row that owes nothing is as good
//! as none and makes room for the next. Where all owe something, the one that owes least goes: whoever has that many addresses is
//! limited by none of them, and the worst are kept. No timer cleans up.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use peal_core::limit::{AddressLimits, BURST_S, HARD_FACTOR, NETWORK_FACTOR};

const SETS: usize = 8_192;
const WAYS: usize = 8;

const SECOND_US: u64 = 1_000_000;
const BURST_US: u64 = BURST_S as u64 * SECOND_US;
/// Nobody knows how many others at the address are told to come back too.
const RETRY_MIN_MS: u64 = 1_000;

/// Addresses that are judged as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Block {
    V4(u32),
    /// A /64.
    V6(u64),
    /// A /48.
    Site(u64),
}

/// What an address is judged by: itself, and for IPv6 what is around it, each with the factor of its limits.
fn blocks(address: IpAddr) -> impl Iterator<Item = (Block, u32)> + Clone {
    let (own, around) = match address.to_canonical() {
        IpAddr::V4(address) => (Block::V4(address.to_bits()), None),
        IpAddr::V6(address) => {
            let network = (address.to_bits() >> 64) as u64;
            (Block::V6(network), Some(Block::Site(network >> 16)))
        }
    };
    std::iter::once((own, 1)).chain(around.map(|around| (around, NETWORK_FACTOR)))
}

/// A limit that is reached: so much is allowed, this would be so much, and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) limit: u64,
    pub(super) current: u64,
    pub(super) retry_ms: u64,
}

/// When the allowance of a rate will be whole again, in microseconds (GCRA).
#[derive(Debug, Clone, Copy, Default)]
struct Debt(u64);

impl Debt {
    fn cost(per_second: NonZeroU32, factor: u32) -> u64 {
        SECOND_US / (u64::from(per_second.get()) * u64::from(factor))
    }

    /// Whether one more is within the rate.
    fn allows(self, now_us: u64, per_second: NonZeroU32, factor: u32) -> Result<(), Excess> {
        let cost_us = Self::cost(per_second, factor);
        let owed_us = self.owed(now_us);
        let over_us = (owed_us + cost_us).saturating_sub(BURST_US);
        if over_us == 0 {
            return Ok(());
        }
        let retry_ms = over_us.div_ceil(1_000).max(RETRY_MIN_MS);
        Err(Excess { limit: BURST_US / cost_us, current: owed_us.div_ceil(cost_us) + 1, retry_ms })
    }

    fn take(&mut self, now_us: u64, per_second: NonZeroU32, factor: u32) {
        self.0 = (self.0.max(now_us) + Self::cost(per_second, factor)).min(now_us + BURST_US);
    }

    fn owed(self, now_us: u64) -> u64 {
        self.0.saturating_sub(now_us)
    }
}

#[derive(Debug)]
struct Row {
    block: Block,
    opens: Debt,
    failures: Debt,
    unauthenticated: u32,
}

impl Row {
    fn owes(&self, now_us: u64) -> (u32, u64) {
        (self.unauthenticated, self.opens.owed(now_us).max(self.failures.owed(now_us)))
    }
}

/// Shared by all cores; a lock is held for some comparisons and never with another.
#[derive(Debug)]
pub(super) struct Book {
    limits: AddressLimits,
    hash: RandomState,
    sets: Box<[Mutex<Vec<Row>>]>,
}

impl Book {
    pub(super) fn new(limits: AddressLimits) -> Self {
        Self { limits, hash: RandomState::new(), sets: (0..SETS).map(|_| Mutex::default()).collect() }
    }

    /// A WebSocket opens.
    pub(super) fn open(&self, now_ms: u64, address: IpAddr) -> Result<(), Excess> {
        let Some(per_second) = self.limits.opens_per_second else { return Ok(()) };
        let now_us = now_ms * 1_000;
        self.each_known(address, |row, factor| row.opens.allows(now_us, per_second, factor))?;
        self.each(now_us, address, |row, factor| row.opens.take(now_us, per_second, factor));
        Ok(())
    }

    /// Whether another authentication may fail.
    pub(super) fn may_fail(&self, now_ms: u64, address: IpAddr) -> Result<(), Excess> {
        let Some(per_second) = self.limits.failures_per_second else { return Ok(()) };
        self.each_known(address, |row, factor| row.failures.allows(now_ms * 1_000, per_second, factor))
    }

    /// One has failed.
    pub(super) fn failed(&self, now_ms: u64, address: IpAddr) {
        let Some(per_second) = self.limits.failures_per_second else { return };
        let now_us = now_ms * 1_000;
        self.each(now_us, address, |row, factor| row.failures.take(now_us, per_second, factor));
    }

    /// A socket is open that has not authenticated; whoever gets `Ok` calls [`Self::leave`] once. The limit may be reached all the
    /// same: then the socket is only there to be told.
    ///
    /// # Errors
    /// When there are so many that it is not even told.
    pub(super) fn arrive(&self, now_ms: u64, address: IpAddr) -> Result<Option<Excess>, Excess> {
        let Some(limit) = self.limits.unauthenticated else { return Ok(None) };
        let over = |row: &Row, factor: u32, hardness: u32| {
            let limit = u64::from(limit.get()) * u64::from(factor);
            let current = u64::from(row.unauthenticated) + 1;
            if current > limit * u64::from(hardness) { Err(Excess { limit, current, retry_ms: RETRY_MIN_MS }) } else { Ok(()) }
        };
        self.each_known(address, |row, factor| over(row, factor, HARD_FACTOR))?;
        let excess = self.each_known(address, |row, factor| over(row, factor, 1)).err();
        self.each(now_ms * 1_000, address, |row, _| row.unauthenticated += 1);
        Ok(excess)
    }

    /// It has authenticated or is gone.
    pub(super) fn leave(&self, address: IpAddr) {
        for (block, _) in blocks(address) {
            let mut set = self.set(block);
            // A row that had to make room is not there, or is a younger one.
            if let Some(row) = set.iter_mut().find(|row| row.block == block) {
                row.unauthenticated = row.unauthenticated.saturating_sub(1);
            }
        }
    }

    /// Asks the rows that there are; one that is not there owes nothing.
    fn each_known(&self, address: IpAddr, ask: impl Fn(&Row, u32) -> Result<(), Excess>) -> Result<(), Excess> {
        blocks(address).try_for_each(|(block, factor)| {
            let set = self.set(block);
            set.iter().find(|row| row.block == block).map_or(Ok(()), |row| ask(row, factor))
        })
    }

    fn each(&self, now_us: u64, address: IpAddr, change: impl Fn(&mut Row, u32)) {
        for (block, factor) in blocks(address) {
            let mut set = self.set(block);
            if let Some(row) = set.iter_mut().find(|row| row.block == block) {
                change(row, factor);
                continue;
            }
            make_room(&mut set, now_us);
            let mut row = Row { block, opens: Debt::default(), failures: Debt::default(), unauthenticated: 0 };
            change(&mut row, factor);
            set.push(row);
        }
    }

    fn set(&self, block: Block) -> std::sync::MutexGuard<'_, Vec<Row>> {
        let at = self.hash.hash_one(block) as usize % self.sets.len();
        self.sets[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn rows(&self) -> usize {
        self.sets.iter().map(|set| set.lock().expect("no panic").len()).sum()
    }
}

fn make_room(set: &mut Vec<Row>, now_us: u64) {
    set.retain(|row| row.owes(now_us) != (0, 0));
    if set.len() >= WAYS
        && let Some(least) = (0..set.len()).min_by_key(|at| set[*at].owes(now_us))
    {
        set.swap_remove(least);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn book(opens: u32, failures: u32, unauthenticated: u32) -> Book {
        let some = NonZeroU32::new;
        Book::new(AddressLimits {
            opens_per_second: some(opens),
            failures_per_second: some(failures),
            unauthenticated: some(unauthenticated),
        })
    }

    fn at(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// How many open in a row.
    fn opens(book: &Book, now_ms: u64, address: IpAddr) -> usize {
        (0..).take_while(|_| book.open(now_ms, address).is_ok()).count()
    }

    #[test]
    fn twenty_seconds_worth_come_at_once_and_then_the_rate_holds() {
        let book = book(5, 1, 1);
        let (mine, other) = (at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(opens(&book, 1_000, mine), 100);
        assert_eq!(book.open(1_000, mine), Err(Excess { limit: 100, current: 101, retry_ms: 1_000 }));
        assert_eq!(opens(&book, 1_000, other), 100, "its neighbour is not concerned");
        assert_eq!(opens(&book, 3_000, mine), 10, "two seconds later");
        assert_eq!(opens(&book, 60_000, mine), 100, "much later");
        assert_eq!(opens(&book, 60_000, at("::ffff:192.0.2.1")), 0, "the same address in another spelling");
    }

    #[test]
    fn a_64_is_one_address_and_a_48_has_ten_times_as_much() {
        let book = book(5, 1, 1);
        assert_eq!(opens(&book, 0, at("2001:db8:7:1::1")), 100);
        assert_eq!(opens(&book, 0, at("2001:db8:7:1:ffff::2")), 0, "the same /64");
        let whole: usize = (2..100).map(|network| opens(&book, 0, at(&format!("2001:db8:7:{network}::1")))).sum();
        assert_eq!(whole, 900, "the rest of the /48");
        assert_eq!(opens(&book, 0, at("2001:db8:8:1::1")), 100, "another /48");
    }

    #[test]
    fn failures_stop_authentication_until_the_rate_allows_the_next() {
        let book = book(1, 2, 1);
        let address = at("192.0.2.1");
        for _ in 0..40 {
            assert_eq!(book.may_fail(1_000, address), Ok(()));
            book.failed(1_000, address);
        }
        assert_eq!(book.may_fail(1_000, address), Err(Excess { limit: 40, current: 41, retry_ms: 1_000 }));
        for _ in 0..1_000 {
            book.failed(1_000, address);
        }
        assert_eq!(book.may_fail(1_500, address), Ok(()), "what was refused does not make it longer");
    }

    #[test]
    fn a_socket_too_many_is_told_and_a_multitude_is_not() {
        let book = book(1, 1, 3);
        let address = at("192.0.2.1");
        let told: Vec<_> = (0..7).map(|_| book.arrive(0, address).map(|excess| excess.map(|excess| excess.current))).collect();
        let last = Excess { limit: 3, current: 7, retry_ms: 1_000 };
        assert_eq!(told, [Ok(None), Ok(None), Ok(None), Ok(Some(4)), Ok(Some(5)), Ok(Some(6)), Err(last)]);
        for _ in 0..6 {
            book.leave(address);
        }
        assert_eq!(book.arrive(0, address), Ok(None));
        book.leave(address);
        book.leave(address);
        assert_eq!(book.arrive(0, address), Ok(None), "leaving twice does not count below zero");
    }

    #[test]
    fn a_limit_that_is_off_remembers_nothing() {
        let book = Book::new(AddressLimits::NONE);
        let address = at("192.0.2.1");
        for _ in 0..10_000 {
            assert_eq!((book.open(0, address), book.may_fail(0, address), book.arrive(0, address)), (Ok(()), Ok(()), Ok(None)));
            book.failed(0, address);
        }
        assert_eq!(book.rows(), 0);
    }

    #[test]
    fn whoever_has_many_addresses_fills_no_memory_and_hides_no_other() {
        let book = book(1, 1, 1);
        let mine = at("198.51.100.7");
        assert_eq!(opens(&book, 0, mine), 20);
        for network in 0..400_000_u128 {
            let attacker = Ipv6Addr::from_bits((0x2001_0db8 << 96) + (network << 64));
            let _ = book.open(0, attacker.into());
        }
        assert!(book.rows() <= SETS * WAYS, "{} rows", book.rows());
        assert!(book.open(0, mine).is_err(), "who owes most is remembered");
        assert_eq!(opens(&book, 0, at("198.51.100.8")), 20, "and who owes nothing has all of it");
    }

    #[test]
    fn rows_that_owe_nothing_make_room() {
        let book = book(10, 1, 1);
        for address in 0..100_000 {
            let _ = book.open(0, Ipv4Addr::from_bits(address).into());
        }
        for address in 100_000..100_100 {
            let address = Ipv4Addr::from_bits(address).into();
            assert_eq!(book.open(10_000, address), Ok(()));
            assert_eq!(opens(&book, 10_000, address), 199, "the first is remembered");
        }
        assert!(book.rows() <= SETS * WAYS, "{} rows", book.rows());
    }

    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 40, "{} bytes", size_of::<Row>());
    }
}
