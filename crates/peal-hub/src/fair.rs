//! Turns between apps: deficit round robin, in the form of RFC 8290 section 4.2 (there between flows of packets).
//!
//! Each app that has something to do holds a credit. It is served while the credit is positive and pays afterwards what the turn cost; then
//! the others have theirs. So over time each gets its share by weight, whatever the size of its pieces, and nobody waits for more than one
//! round. An app that had nothing to do comes first when it has: whoever asks for little is not made to wait behind those who ask for much.

use std::collections::VecDeque;

use peal_core::AppId;
use rustc_hash::FxHashMap;

/// What an app may use in one turn at weight 1.
const QUANTUM: i64 = 64 * 1024;

/// Whose turn it is. Connections that have not told their app yet share one.
pub(crate) type Party = Option<AppId>;

#[derive(Debug)]
struct Flow<T> {
    items: VecDeque<T>,
    credit: i64,
}

#[derive(Debug)]
pub(crate) struct Fair<T> {
    /// Those that are in one of the lists below.
    flows: FxHashMap<Party, Flow<T>>,
    /// Had nothing to do until now, and have used less than one turn since.
    fresh: VecDeque<Party>,
    /// The others, in the order of their turns. One without items leaves when its turn comes and it owes
    /// nothing, so that coming and going brings no advantage.
    round: VecDeque<Party>,
    len: usize,
}

impl<T> Default for Fair<T> {
    fn default() -> Self {
        Self { flows: FxHashMap::default(), fresh: VecDeque::new(), round: VecDeque::new(), len: 0 }
    }
}

impl<T> Fair<T> {
    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, party: Party, item: T) {
        let fresh = &mut self.fresh;
        let flow = self.flows.entry(party).or_insert_with(|| {
            fresh.push_back(party);
            Flow { items: VecDeque::new(), credit: QUANTUM }
        });
        flow.items.push_back(item);
        self.len += 1;
    }

    /// The next item, oldest first within a party; [`Self::charge`] it. `weight` is asked at the beginning of a turn.
    pub(crate) fn take(&mut self, weight: impl Fn(AppId) -> u32) -> Option<(Party, T)> {
        loop {
            let is_fresh = !self.fresh.is_empty();
            let list = if is_fresh { &mut self.fresh } else { &mut self.round };
            let party = *list.front()?;
            let flow = self.flows.get_mut(&party)?;
            if flow.credit > 0
                && let Some(item) = flow.items.pop_front()
            {
                self.len -= 1;
                return Some((party, item));
            }
            list.pop_front();
            if flow.credit <= 0 {
                flow.credit += QUANTUM * i64::from(party.map_or(1, &weight).max(1));
            } else if !is_fresh {
                self.flows.remove(&party);
                continue;
            }
            self.round.push_back(party);
        }
    }

    pub(crate) fn charge(&mut self, party: Party, cost: usize) {
        if let Some(flow) = self.flows.get_mut(&party) {
            flow.credit -= cost as i64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: i64) -> AppId {
        AppId::new(id).expect("an id")
    }

    /// Takes items that cost this much each, and answers whose they were.
    fn served(fair: &mut Fair<i32>, count: usize, cost: usize, weight: impl Fn(AppId) -> u32) -> Vec<i64> {
        let take = |_| {
            let (party, _) = fair.take(&weight).expect("an item");
            fair.charge(party, cost);
            party.map_or(0, AppId::get)
        };
        (0..count).map(take).collect()
    }

    fn count(served: &[i64], app: i64) -> usize {
        served.iter().filter(|id| **id == app).count()
    }

    #[test]
    fn items_of_one_party_keep_their_order_and_the_last_leaves_nothing() {
        let mut fair = Fair::default();
        for item in 0..5 {
            fair.push(Some(app(1)), item);
        }
        let mut taken = Vec::new();
        while let Some((party, item)) = fair.take(|_| 1) {
            fair.charge(party, 3 * QUANTUM as usize);
            taken.push(item);
        }
        assert_eq!(taken, [0, 1, 2, 3, 4]);
        assert_eq!((fair.len(), fair.flows.len(), fair.round.len() + fair.fresh.len()), (0, 0, 0));
    }

    #[test]
    fn busy_parties_share_by_weight_and_not_by_how_much_they_ask_for() {
        let mut fair = Fair::default();
        for item in 0..1_000 {
            fair.push(Some(app(1)), item);
            fair.push(Some(app(1)), item);
            fair.push(Some(app(2)), item);
        }
        let served = served(&mut fair, 800, 8 * 1024, |id| if id == app(2) { 3 } else { 1 });
        assert!((190..=210).contains(&count(&served, 1)), "{}", count(&served, 1));
        assert!((590..=610).contains(&count(&served, 2)), "{}", count(&served, 2));
    }

    #[test]
    fn a_party_with_dear_items_gets_fewer_of_them() {
        let mut fair = Fair::default();
        for item in 0..1_000 {
            fair.push(Some(app(1)), item);
            fair.push(Some(app(2)), item);
        }
        let mut used = [0_usize; 2];
        for _ in 0..600 {
            let (party, _) = fair.take(|_| 1).expect("an item");
            let cost = if party == Some(app(1)) { 200_000 } else { 1_000 };
            used[usize::from(party == Some(app(2)))] += cost;
            fair.charge(party, cost);
        }
        let ratio = used[0] as f64 / used[1] as f64;
        assert!((0.5..2.0).contains(&ratio), "{used:?}");
    }

    #[test]
    fn who_asks_for_little_comes_before_those_who_ask_for_much() {
        let mut fair = Fair::default();
        for item in 0..10_000 {
            fair.push(Some(app(1 + i64::from(item) % 50)), item);
        }
        served(&mut fair, 5_000, 1_024, |_| 1);
        fair.push(Some(app(99)), 0);
        assert_eq!(served(&mut fair, 1, 1_024, |_| 1), [99]);
    }

    #[test]
    fn coming_back_at_once_is_no_way_to_come_first_for_ever() {
        let mut fair = Fair::default();
        for item in 0..1_000 {
            fair.push(Some(app(1)), item);
        }
        fair.push(Some(app(2)), 0);
        let mut turns = [0, 0];
        for _ in 0..600 {
            let (party, _) = fair.take(|_| 1).expect("an item");
            fair.charge(party, 8 * 1024);
            turns[usize::from(party == Some(app(2)))] += 1;
            if party == Some(app(2)) {
                fair.push(party, 0);
            }
        }
        assert!(turns[0] >= 250, "the one that always has something gets its share: {turns:?}");
    }
}
