//! Whatever is counted, and whenever it is collected: every unit comes out exactly once, in its minute.

use std::collections::BTreeMap;

use peal_core::usage::{Account, Charge, Collected, Counters, Metric, Protocol, Transport, Usage, units};
use peal_core::{AppId, Now};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Connect { app: i64 },
    Disconnect { which: usize },
    Release { which: usize },
    Out { which: usize, bytes: usize },
    In { app: i64, bytes: usize },
    Presence { app: i64 },
    Collect,
    Wait { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..4_i64).prop_map(|app| Step::Connect { app }),
        2 => any::<usize>().prop_map(|which| Step::Disconnect { which }),
        1 => any::<usize>().prop_map(|which| Step::Release { which }),
        6 => (any::<usize>(), 0..40_000_usize).prop_map(|(which, bytes)| Step::Out { which, bytes }),
        3 => (1..4_i64, 0..40_000_usize).prop_map(|(app, bytes)| Step::In { app, bytes }),
        1 => (1..4_i64).prop_map(|app| Step::Presence { app }),
        2 => Just(Step::Collect),
        3 => prop_oneof![0..50_u64, 0..70_000_u64, Just(200_000)].prop_map(|ms| Step::Wait { ms }),
    ];
    proptest::collection::vec(step, 1..80)
}

type Truth = BTreeMap<(i64, u64, Metric), u64>;

fn charge(app: i64) -> Charge {
    let key = format!("key{app}").parse().unwrap();
    Charge { app: AppId::new(app).unwrap(), key, transport: Transport::WebSocket, protocol: Protocol::Native }
}

fn add(into: &mut Truth, collected: &Collected) {
    for counts in &collected.minutes {
        for (metric, value) in counts.values() {
            *into.entry((counts.app.get(), counts.minute, metric)).or_default() += value;
        }
    }
}

/// A connection as the model has it.
struct Held {
    account: Account,
    app: i64,
    open: bool,
}

proptest! {
    #[test]
    fn what_comes_out_is_what_went_in(steps in steps()) {
        let mut counters = Counters::default();
        let mut now = Now { mono_ms: 5_000, wall_ms: 1_700_000_012_345 };
        let (mut truth, mut seen): (Truth, Truth) = Default::default();
        let mut held: Vec<Held> = Vec::new();
        for step in steps {
            let minute = now.wall_ms / 60_000;
            let mut count = |app: i64, metric, value: u64| {
                if value > 0 {
                    *truth.entry((app, minute, metric)).or_default() += value;
                }
            };
            match step {
                Step::Connect { app } => {
                    held.push(Held { account: counters.connect(now, &charge(app)), app, open: true });
                    count(app, Metric::ConnectionsOpened, 1);
                }
                Step::Disconnect { which } if !held.is_empty() => {
                    let place = which % held.len();
                    if std::mem::take(&mut held[place].open) {
                        counters.disconnect(now, held[place].account);
                    }
                }
                Step::Release { which } if !held.is_empty() => {
                    let place = which % held.len();
                    let gone = held.swap_remove(place);
                    if gone.open {
                        counters.disconnect(now, gone.account);
                    }
                    counters.release(gone.account);
                }
                Step::Out { which, bytes } if !held.is_empty() => {
                    let to = &held[which % held.len()];
                    let namespace = counters.namespace(now, AppId::new(to.app).unwrap(), Some("chat"));
                    counters.message_out(now, to.account, namespace, bytes);
                    count(to.app, Metric::MessagesOut, units(bytes));
                    count(to.app, Metric::BytesOut, bytes as u64);
                }
                Step::In { app, bytes } => {
                    counters.message_in(now, &charge(app), None, bytes);
                    count(app, Metric::MessagesIn, units(bytes));
                    count(app, Metric::BytesIn, bytes as u64);
                }
                Step::Presence { app } => {
                    counters.presence_in(now, &charge(app), Some("room"));
                    count(app, Metric::MessagesIn, 1);
                    count(app, Metric::PresenceOps, 1);
                }
                Step::Collect => add(&mut seen, &counters.collect(now)),
                Step::Wait { ms } => {
                    let (begin, end) = (now.wall_ms, now.wall_ms + ms);
                    for connection in held.iter().filter(|connection| connection.open) {
                        let mut at = begin;
                        while at < end {
                            let next = ((at / 60_000 + 1) * 60_000).min(end);
                            *truth.entry((connection.app, at / 60_000, Metric::ConnectionMs)).or_default() += next - at;
                            at = next;
                        }
                    }
                    now = Now { mono_ms: now.mono_ms + ms, wall_ms: end };
                }
                Step::Disconnect { .. } | Step::Release { .. } | Step::Out { .. } => {}
            }
        }
        add(&mut seen, &counters.collect(now));
        // Time that ends exactly with a minute may be either's; the amounts must agree.
        let sums = |counts: &Truth| {
            let mut sums: BTreeMap<(i64, Metric), u64> = BTreeMap::new();
            counts.iter().for_each(|((app, _, metric), value)| *sums.entry((*app, *metric)).or_default() += value);
            sums
        };
        prop_assert_eq!(sums(&seen), sums(&truth));
        prop_assert_eq!(seen, truth);
        for connection in held {
            counters.disconnect(now, connection.account);
            counters.release(connection.account);
        }
        counters.collect(now);
        prop_assert_eq!(counters.apps(), 0, "nothing is left behind");
    }

    #[test]
    fn the_parts_of_a_dimension_are_the_whole(sizes in proptest::collection::vec((0..3_usize, 0..40_000_usize), 0..30)) {
        let mut counters = Counters::default();
        let now = Now { mono_ms: 0, wall_ms: 1_700_000_000_000 };
        let account = counters.connect(now, &charge(7));
        for (place, bytes) in sizes {
            let namespace = counters.namespace(now, AppId::new(7).unwrap(), [None, Some("a"), Some("b")][place]);
            counters.message_out(now, account, namespace, bytes);
        }
        let collected = counters.collect(now);
        let whole: u64 = collected.minutes.iter().flat_map(|counts| counts.values()).filter(|(metric, _)| *metric == Metric::MessagesOut).map(|(_, value)| value).sum();
        let mut parts: BTreeMap<_, u64> = BTreeMap::new();
        for share in collected.minutes.iter().flat_map(|counts| &counts.shares) {
            for (_, value) in share.values().filter(|(metric, _)| *metric == Metric::MessagesOut) {
                *parts.entry(share.dimension).or_default() += value;
            }
        }
        for (dimension, part) in parts {
            prop_assert_eq!(part, whole, "{:?}", dimension);
        }
    }
}

#[test]
fn merging_adds_counts_and_keeps_the_larger_sample() {
    let text = |rows: &str, samples: &str| format!(r#"{{"rows":[{rows}],"breakdown":[],"samples":[{samples}]}}"#);
    let usage = |rows: &str, samples: &str| serde_json::from_str::<Usage>(&text(rows, samples)).unwrap();
    let one = usage(r#"{"a":5,"m":9,"k":1,"v":2},{"a":5,"m":9,"k":2,"v":7}"#, r#"{"a":5,"s":3,"v":4}"#);
    let two = usage(r#"{"a":5,"m":9,"k":1,"v":3},{"a":4,"m":9,"k":1,"v":1}"#, r#"{"a":5,"s":3,"v":2},{"a":5,"s":4,"v":1}"#);
    let both = usage(
        r#"{"a":4,"m":9,"k":1,"v":1},{"a":5,"m":9,"k":1,"v":5},{"a":5,"m":9,"k":2,"v":7}"#,
        r#"{"a":5,"s":3,"v":4},{"a":5,"s":4,"v":1}"#,
    );
    assert_eq!(one.clone().merged(two.clone()), both);
    assert_eq!(two.merged(one), both);
}
