use std::sync::Arc;

use peal_core::exchange::{Continuity, HistoryPage};
use peal_core::publication::EraStart;
use peal_core::{Data, Message, Position, Publication, PublicationKind};

use super::*;

const LIMITS: StreamLimits =
    StreamLimits { ring: RingLimits { count: 3, age_ms: 1_000, bytes: 10_000 }, held_max: 4, held_bytes_max: 10_000 };

fn at(era: u64, seq: u64) -> Position {
    Position::new(era, seq)
}

fn publication(position: Option<Position>, tail: Option<Option<Position>>) -> Arc<Publication> {
    Arc::new(Publication {
        position,
        era_start: tail.map(|tail| EraStart { tail }),
        id: "m".parse().expect("an id"),
        ts: 0,
        origin: None,
        client_id: None,
        client_event: false,
        kind: PublicationKind::Messages(vec![Message::new("said", Data::Text("".into()))]),
    })
}

fn kept(era: u64, seq: u64) -> Arc<Publication> {
    publication(Some(at(era, seq)), None)
}

/// Steps as text: `5-1` released, `~` an ephemeral, `read 5-1`, `lost 5-1..5-3`, `pause`, `attach`.
fn told(steps: Vec<Step>) -> Vec<String> {
    let text = |step: Step| match step {
        Step::Release { entry, .. } => entry.publication.position.map_or("~".into(), |position| position.to_string()),
        Step::Lost { from, to, .. } => format!("lost {from}..{to}"),
        Step::Read { after } => format!("read {after}"),
        Step::Pause => "pause".into(),
        Step::Attach => "attach".into(),
    };
    steps.into_iter().map(text).collect()
}

fn live(head: Position) -> Stream {
    let mut stream = Stream::new();
    stream.attached(head, 0, &LIMITS, &mut Vec::new());
    stream
}

fn deliver(stream: &mut Stream, publication: Arc<Publication>) -> Vec<String> {
    let mut steps = Vec::new();
    stream.deliver(publication, 0, &LIMITS, &mut steps);
    told(steps)
}

fn page(stream: &mut Stream, publications: Vec<Arc<Publication>>, head: Position, continuity: Continuity) -> Vec<String> {
    let mut steps = Vec::new();
    stream.page(&HistoryPage { publications, more: false, head, continuity }, 0, &LIMITS, &mut steps);
    told(steps)
}

#[test]
fn what_follows_is_released_and_what_came_before_is_not() {
    let mut stream = live(at(5, 0));
    assert_eq!(deliver(&mut stream, kept(5, 1)), ["5-1"]);
    assert!(deliver(&mut stream, kept(5, 1)).is_empty());
    assert!(deliver(&mut stream, kept(4, 9)).is_empty());
    assert_eq!(deliver(&mut stream, publication(None, None)), ["~"]);
    assert_eq!(stream.last(), Some(at(5, 1)));
}

#[test]
fn eras_connect_by_their_surviving_tail() {
    for (tail, expected) in [
        (Some(Some(at(5, 3))), "6-1"),
        (Some(Some(at(5, 2))), "6-1"),
        (Some(Some(at(5, 4))), "read 5-3"),
        (Some(None), "read 5-3"),
        (None, "read 5-3"),
    ] {
        let mut stream = live(at(5, 3));
        assert_eq!(deliver(&mut stream, publication(Some(at(6, 1)), tail)), [expected], "{tail:?}");
    }
}

#[test]
fn an_empty_topic_goes_on_in_the_promised_era_and_asks_about_any_other() {
    assert_eq!(deliver(&mut live(at(5, 0)), publication(Some(at(5, 1)), Some(None))), ["5-1"]);
    assert_eq!(deliver(&mut live(at(5, 0)), publication(Some(at(7, 1)), Some(None))), ["read 5-0"]);
}

#[test]
fn a_gap_is_read_once_and_then_everything_comes_in_order() {
    let mut stream = live(at(5, 1));
    assert_eq!(deliver(&mut stream, kept(5, 3)), ["read 5-1"]);
    assert!(deliver(&mut stream, kept(5, 4)).is_empty());
    assert_eq!(page(&mut stream, vec![kept(5, 2), kept(5, 3)], at(5, 3), Continuity::Complete), ["5-2", "5-3", "5-4"]);
}

#[test]
fn what_the_history_no_longer_has_is_lost_up_to_where_it_begins() {
    let mut stream = live(at(5, 1));
    deliver(&mut stream, kept(5, 9));
    let trimmed = Continuity::Trimmed { kept_after: at(5, 6) };
    assert_eq!(page(&mut stream, (7..=9).map(|seq| kept(5, seq)).collect(), at(5, 9), trimmed), ["lost 5-1..5-6", "5-7", "5-8", "5-9"]);
    assert_eq!(stream.ring().floor(), Some(at(5, 6)));
}

#[test]
fn a_primary_that_lost_what_we_saw_is_no_loss_to_us() {
    let mut stream = live(at(5, 5));
    let mut steps = Vec::new();
    stream.interrupted(&mut steps);
    stream.attached(at(5, 3), 0, &LIMITS, &mut steps);
    assert_eq!(told(steps), ["attach"]);
    assert_eq!(deliver(&mut stream, publication(Some(at(6, 1)), Some(Some(at(5, 3))))), ["6-1"]);
}

#[test]
fn a_history_behind_its_deliveries_is_asked_again_and_in_the_end_believed() {
    let mut stream = live(at(5, 1));
    deliver(&mut stream, kept(5, 3));
    for _ in 1..FRUITLESS_READS_MAX {
        assert_eq!(page(&mut stream, vec![], at(5, 1), Continuity::Complete), ["pause"]);
        let mut steps = Vec::new();
        stream.retry(&mut steps);
        assert_eq!(told(steps), ["read 5-1"]);
    }
    assert_eq!(page(&mut stream, vec![], at(5, 1), Continuity::Complete), ["lost 5-1..5-2", "5-3"]);
}

#[test]
fn too_much_to_hold_is_dropped_and_read_again() {
    let mut stream = live(at(5, 1));
    for seq in 3..10 {
        deliver(&mut stream, kept(5, seq));
    }
    assert!(stream.held.len() <= LIMITS.held_max);
    assert_eq!(page(&mut stream, vec![kept(5, 2), kept(5, 3)], at(5, 3), Continuity::Complete), ["5-2", "5-3", "read 5-3"]);
}

#[test]
fn an_interruption_during_the_first_attach_checks_once_more() {
    let mut stream = Stream::new();
    let mut steps = Vec::new();
    stream.interrupted(&mut steps);
    assert!(steps.is_empty());
    stream.attached(at(5, 1), 0, &LIMITS, &mut steps);
    assert_eq!(told(steps), ["attach"]);
    assert_eq!(stream.certainty(), Certainty::Asking);
}

#[test]
fn the_ring_knows_what_it_can_prove() {
    let mut stream = live(at(5, 0));
    for seq in 1..=5 {
        deliver(&mut stream, kept(5, seq));
    }
    let after = |stream: &Stream, position| stream.ring().after(position).map(|entries| entries.len());
    assert_eq!(after(&stream, at(5, 2)), Some(3), "the floor");
    assert_eq!(after(&stream, at(5, 4)), Some(1));
    assert_eq!(after(&stream, at(5, 5)), Some(0));
    assert_eq!(after(&stream, at(5, 1)), None, "too old");
    assert_eq!(after(&stream, at(5, 6)), None, "never seen");
    assert_eq!(after(&stream, at(4, 1)), None);
    stream.expire(2_000, &LIMITS.ring);
    assert_eq!(after(&stream, at(5, 4)), None);
    assert_eq!(after(&stream, at(5, 5)), Some(0));
}

#[test]
fn a_page_is_cut_where_it_does_not_connect() {
    let whole = |publications| {
        let head = at(6, 2);
        let page = connected(HistoryPage { publications, more: false, head, continuity: Continuity::Complete });
        (page.publications.len(), page.more)
    };
    let start = |tail| publication(Some(at(6, 1)), Some(tail));
    assert_eq!(whole(vec![kept(5, 1), kept(5, 2), start(Some(at(5, 2))), kept(6, 2)]), (4, false));
    assert_eq!(whole(vec![kept(5, 1), kept(5, 2), start(Some(at(5, 3))), kept(6, 2)]), (2, true));
    assert_eq!(whole(vec![kept(5, 1), start(None), kept(6, 2)]), (1, true));
    assert_eq!(whole(vec![kept(5, 1), kept(5, 3)]), (1, true));
    assert_eq!(whole(vec![]), (0, false));
}

#[test]
fn what_was_read_fills_the_ring_as_far_as_it_connects_is_young_and_fits() {
    let filled = |read: &[(u64, u64)], count: usize, bytes: usize| {
        let mut stream = live(at(5, 10));
        deliver(&mut stream, kept(5, 11));
        let limits = RingLimits { count, age_ms: 1_000, bytes };
        let publications: Vec<_> = read.iter().map(|(seq, _)| kept(5, *seq)).collect();
        let entries: Vec<_> = read.iter().map(|(seq, ms)| Arc::new(Entry::new(kept(5, *seq), *ms))).collect();
        let page = HistoryPage { publications, more: false, head: at(5, 11), continuity: Continuity::Complete };
        stream.fill(at(5, 6), &page, &entries, 5_000, &limits);
        let from = stream.ring().floor().expect("it is live").seq;
        let held: Vec<_> = stream.ring().beyond(at(0, 0)).map(|entry| entry.publication.position.expect("kept").seq).collect();
        assert_eq!(held, (from + 1..=11).collect::<Vec<_>>(), "without a hole");
        from
    };
    let young = [(7, 4_900), (8, 4_900), (9, 4_900), (10, 4_900), (11, 4_900)];
    assert_eq!(filled(&young, 100, 100_000), 6);
    assert_eq!(filled(&young, 3, 100_000), 8);
    assert_eq!(filled(&young, 100, 3 * ring::cost(&kept(5, 1))), 8);
    assert_eq!(filled(&[(7, 0), (8, 0), (9, 4_900), (10, 4_900)], 100, 100_000), 8);
    assert_eq!(filled(&young[..3], 100, 100_000), 10, "it does not reach the floor");
    assert_eq!(filled(&[], 100, 100_000), 10);
}
