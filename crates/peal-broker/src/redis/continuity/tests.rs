use super::*;

const G: u64 = 1_800_000_000;

/// An era of the generation `G + generation`.
fn era(generation: u64, counter: u64) -> u64 {
    (G + generation) * (1 << 21) + counter
}

fn at(era: u64, seq: u64) -> Position {
    Position::new(era, seq)
}

fn fence(generation: u64, last: u64) -> Fence {
    Fence { generation: G + generation, last_era: era(generation, last), young_after: era(generation, 0) }
}

fn link(position: Position, before: Option<Position>) -> Option<Link> {
    Some(Link { position, before })
}

#[test]
fn an_empty_topic_is_complete_while_no_stream_can_have_come_and_gone() {
    let none = Evidence::default();
    let f = fence(0, 7);
    assert_eq!(judge(at(era(0, 8), 0), f, None, None, &none), Continuity::Complete);
    assert_eq!(judge(at(era(0, 5), 0), f, None, None, &none), Continuity::Complete);
    let later = Fence { young_after: era(0, 5), ..f };
    assert!(matches!(judge(at(era(0, 5), 0), later, None, None, &none), Continuity::EraLost { .. }), "a day may have passed");
    assert_eq!(judge(at(era(0, 8), 0), later, None, None, &none), Continuity::Complete, "no era has begun since");
    assert_eq!(judge(at(era(0, 8), 3), f, None, None, &none), Continuity::Unknown);
    assert!(matches!(judge(at(era(0, 5), 2), f, None, None, &none), Continuity::EraLost { .. }));
}

#[test]
fn an_empty_topic_of_an_earlier_generation_is_complete_only_where_somebody_stood_there() {
    let position = at(era(0, 5), 0);
    assert!(matches!(judge(position, fence(3, 7), None, None, &Evidence::default()), Continuity::EraLost { .. }));
    let mut evidence = Evidence::default();
    evidence.stood(position);
    assert_eq!(judge(position, fence(3, 7), None, None, &evidence), Continuity::Complete);
    let next = link(at(era(3, 6), 1), None);
    let stream = Some(Stream { top: at(era(3, 6), 1), first: next });
    assert_eq!(judge(position, fence(3, 7), stream, next, &evidence), Continuity::Complete);
    evidence.lost(era(0, 6), 0, 2);
    let lost = Continuity::EraLost { kept_after: at(era(0, 6), 2) };
    assert_eq!(judge(position, fence(3, 7), stream, next, &evidence), lost);
}

#[test]
fn the_first_message_of_an_empty_topic_is_complete() {
    let next = link(at(era(0, 6), 1), None);
    let stream = Some(Stream { top: at(era(0, 6), 1), first: next });
    let none = Evidence::default();
    assert_eq!(judge(at(era(0, 6), 0), fence(0, 7), stream, next, &none), Continuity::Complete);
    assert_eq!(judge(at(era(0, 4), 0), fence(0, 7), stream, next, &none), Continuity::Complete);
    let old = Fence { young_after: era(0, 4), ..fence(0, 7) };
    assert!(matches!(judge(at(era(0, 4), 0), old, stream, next, &none), Continuity::EraLost { .. }));
}

#[test]
fn a_lost_tail_is_told_to_who_missed_it_and_to_nobody_else() {
    let (old, new) = (era(0, 1), era(4, 9));
    let next = link(at(new, 1), Some(at(old, 2)));
    let stream = Some(Stream { top: at(new, 1), first: link(at(old, 1), None) });
    let mut evidence = Evidence::default();
    assert_eq!(judge(at(old, 2), fence(4, 9), stream, next, &evidence), Continuity::Complete, "nobody knows of more");
    evidence.lost(old, 2, 5);
    let lost = Continuity::EraLost { kept_after: at(old, 5) };
    for seq in 2..5 {
        assert_eq!(judge(at(old, seq), fence(4, 9), stream, next, &evidence), lost, "after {seq}");
    }
    assert_eq!(judge(at(old, 5), fence(4, 9), stream, next, &evidence), Continuity::Complete);
    assert_eq!(judge(at(old, 1), fence(4, 9), stream, link(at(old, 2), Some(at(old, 1))), &evidence), Continuity::Complete);
    assert!(broken(at(old, 2), at(new, 1), &evidence));
    assert!(!broken(at(old, 1), at(old, 2), &evidence));
}

#[test]
fn a_lost_tail_is_told_before_the_next_message() {
    let old = era(0, 1);
    let stream = Some(Stream { top: at(old, 2), first: link(at(old, 1), None) });
    let mut evidence = Evidence::default();
    evidence.lost(old, 2, 5);
    assert_eq!(judge(at(old, 2), fence(4, 9), stream, None, &evidence), Continuity::EraLost { kept_after: at(old, 5) });
    assert_eq!(judge(at(old, 5), fence(4, 9), stream, None, &evidence), Continuity::Complete);
    assert_eq!(evidence.head(at(old, 2)), at(old, 5));
}

#[test]
fn what_is_trimmed_or_was_never_there_is_said() {
    let e = era(0, 1);
    let first = link(at(e, 5), Some(at(e, 4)));
    let stream = Some(Stream { top: at(e, 9), first });
    let none = Evidence::default();
    assert_eq!(judge(at(e, 2), fence(0, 1), stream, first, &none), Continuity::Trimmed { kept_after: at(e, 4) });
    assert_eq!(judge(at(e, 4), fence(0, 1), stream, first, &none), Continuity::Complete);
    assert_eq!(judge(at(e, 9), fence(0, 1), stream, None, &none), Continuity::Complete);
    assert_eq!(judge(at(e, 10), fence(0, 1), stream, None, &none), Continuity::Unknown);
    let emptied = Some(Stream { top: at(e, 9), first: None });
    assert_eq!(judge(at(e, 8), fence(0, 1), emptied, None, &none), Continuity::Trimmed { kept_after: at(e, 9) });
    assert_eq!(judge(at(e, 9), fence(0, 1), emptied, None, &none), Continuity::Complete);
    assert_eq!(judge(at(era(0, 0), 3), fence(0, 1), emptied, None, &none), Continuity::EraLost { kept_after: at(e, 9) });
}
