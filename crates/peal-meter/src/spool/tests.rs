//! The spool against crashes at every byte, damage, and a disk that is gone.

use std::fs;

use peal_core::AppId;
use peal_core::usage::{Metric, Row};
use proptest::prelude::*;

use super::*;

fn usage(value: u64) -> Usage {
    let row = Row { app: AppId::new(123_456_789).unwrap(), minute: 29_000_000, metric: Metric::MessagesOut, value };
    Usage { rows: vec![row], ..Usage::default() }
}

fn values(spool: &Spool) -> Vec<u64> {
    spool.lock().waiting.iter().map(|batch| batch.usage.rows[0].value).collect()
}

#[test]
fn what_was_appended_is_there_after_a_restart_under_its_own_source() {
    let folder = tempfile::tempdir().unwrap();
    let first = Spool::open(Some(folder.path())).unwrap();
    let source = first.source();
    for value in 1..=3 {
        first.append(usage(value), value * 1_000).unwrap();
    }
    let front = first.front().unwrap();
    first.acknowledge(&front);
    drop(first);
    let second = Spool::open(Some(folder.path())).unwrap();
    assert_eq!(values(&second), [1, 2, 3], "one may be sent again");
    assert!(second.lock().waiting.iter().all(|batch| batch.source == source));
    assert_ne!(second.source(), source);
    second.append(usage(4), 4_000).unwrap();
    assert_eq!(second.lock().waiting.back().unwrap().seq, 1);
    while let Some(front) = second.front() {
        second.acknowledge(&front);
    }
    drop(second);
    assert_eq!(Spool::open(Some(folder.path())).unwrap().waiting(), 0);
}

#[test]
fn a_folder_has_one_user() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(Some(folder.path())).unwrap();
    assert!(matches!(Spool::open(Some(folder.path())), Err(SpoolError::InUse { .. })));
    drop(spool);
    Spool::open(Some(folder.path())).unwrap();
}

#[test]
fn damage_is_kept_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(Some(folder.path())).unwrap();
    let source = spool.source();
    for value in 1..=3 {
        spool.append(usage(value), 0).unwrap();
    }
    drop(spool);
    let path = folder.path().join("usage.spool");
    let mut bytes = fs::read(&path).unwrap();
    let middle = 8 + (bytes.len() - 8) / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let spool = Spool::open(Some(folder.path())).unwrap();
    assert_eq!(values(&spool), [1]);
    assert_eq!(spool.damage().unwrap().after, Some((source, 1)));
    let kept =
        fs::read_dir(folder.path()).unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("damaged"));
    assert_eq!(kept.count(), 1);
    spool.append(usage(9), 0).unwrap();
    drop(spool);
    let spool = Spool::open(Some(folder.path())).unwrap();
    assert_eq!(values(&spool), [1, 9]);
    assert_eq!(spool.damage(), None);
}

#[test]
fn a_file_that_is_no_spool_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("usage.spool"), b"something else").unwrap();
    let spool = Spool::open(Some(folder.path())).unwrap();
    assert_eq!(spool.damage(), Some(&Damage { after: None, bytes: 14 }));
}

#[test]
fn a_long_absence_of_postgres_does_not_fill_memory_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(Some(folder.path())).unwrap();
    spool.append(usage(1), 0).unwrap();
    let front = spool.front().unwrap();
    for value in 2..=2_000 {
        spool.append(usage(value), value).unwrap();
    }
    assert!(spool.waiting() <= WAITING_MAX);
    assert_eq!(values(&spool).iter().sum::<u64>(), (1..=2_000).sum::<u64>());
    assert_eq!(spool.front(), Some(front), "what may have been sent is untouched");
    let seqs: Vec<i64> = spool.lock().waiting.iter().map(|batch| batch.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
    drop(spool);
    assert_eq!(values(&Spool::open(Some(folder.path())).unwrap()).iter().sum::<u64>(), (1..=2_000).sum::<u64>());
}

#[test]
fn a_new_source_begins_at_one() {
    let spool = Spool::open(None).unwrap();
    for value in 1..=3 {
        spool.append(usage(value), 0).unwrap();
    }
    let front = spool.front().unwrap();
    spool.acknowledge(&front);
    let new = Uuid::now_v7();
    spool.begin_anew(spool.source(), new);
    spool.append(usage(4), 0).unwrap();
    let all: Vec<_> = spool.lock().waiting.iter().map(|batch| (batch.source, batch.seq, batch.usage.rows[0].value)).collect();
    assert_eq!(all, [(new, 1, 2), (new, 2, 3), (new, 3, 4)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Appends and acknowledgements in any order, then a crash that leaves any part of what was being written.
    #[test]
    fn after_a_crash_everything_unacknowledged_is_there(
        steps in proptest::collection::vec(prop_oneof![3 => (1..1_000_u64).prop_map(Some), 2 => Just(None)], 1..30),
        torn in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(Some(folder.path())).unwrap();
        let mut model = VecDeque::new();
        for step in steps {
            match step {
                Some(value) => {
                    spool.append(usage(value), 0).unwrap();
                    model.push_back(value);
                }
                None => {
                    if let Some(front) = spool.front() {
                        spool.acknowledge(&front);
                        model.pop_front();
                    }
                }
            }
            prop_assert_eq!(values(&spool), Vec::from(model.clone()));
        }
        let path = folder.path().join("usage.spool");
        let before = fs::read(&path).unwrap().len();
        spool.append(usage(5_000), 0).unwrap();
        drop(spool);
        let bytes = fs::read(&path).unwrap();
        let cut = before + torn.index(bytes.len() - before + 1);
        fs::write(&path, &bytes[..cut]).unwrap();
        let spool = Spool::open(Some(folder.path())).unwrap();
        prop_assert_eq!(spool.damage(), None);
        let mut found = values(&spool);
        if cut == bytes.len() {
            prop_assert_eq!(found.pop(), Some(5_000));
        }
        // Acknowledged ones may still be in front.
        prop_assert!(found.ends_with(&Vec::from(model.clone())), "{:?} {:?}", found, model);
        spool.append(usage(7), 0).unwrap();
        drop(spool);
        let again = values(&Spool::open(Some(folder.path())).unwrap());
        prop_assert_eq!(again.last(), Some(&7));
    }
}
