//! Whether a publication directly follows what was released before it (DESIGN 5.2, REDIS section 4).

use peal_core::exchange::HistoryPage;
use peal_core::{Position, Publication};

/// Why publications will not be delivered.
pub(crate) use peal_wire::native::Reason as LossReason;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Deliver it.
    Next,
    /// Seen already, or from an era that is over.
    Old,
    /// Something may lie between.
    Gap,
}

/// An era that begins after a tail at or below our last continues it: what lies between was lost for others, and whoever was here saw
/// it. With last = 7-5:
///
/// ```text
/// 7-6                  next
/// 7-5, 7-1, 6-9        old
/// 7-7                  gap
/// 8-1 after tail 7-5   next      8-1 after tail 7-3   next      8-1 after tail 7-6 or none, 8-2   gap
/// ```
///
/// An era without a surviving tail is a gap even for a topic that was empty (7-0), unless it is the very era that was promised next: in
/// between, another one may have come and gone.
pub(super) fn classify(last: Position, publication: &Publication) -> Verdict {
    let Some(position) = publication.position else { return Verdict::Next };
    if position.follows(last) {
        return Verdict::Next;
    }
    if position.era <= last.era {
        return if position <= last { Verdict::Old } else { Verdict::Gap };
    }
    match publication.era_start.and_then(|start| start.tail) {
        Some(tail) if tail <= last && position.seq == 1 => Verdict::Next,
        _ => Verdict::Gap,
    }
}

/// Cuts a page read forwards before the first publication that does not connect to the one before it: a page vouches for its
/// beginning only, and an era that ended inside of it may have taken something along. Reading on after the cut says what.
pub(crate) fn connected(mut page: HistoryPage) -> HistoryPage {
    let gap = page.publications.windows(2).position(|pair| {
        let last = pair[0].position;
        last.is_some_and(|last| classify(last, &pair[1]) == Verdict::Gap)
    });
    if let Some(gap) = gap {
        page.publications.truncate(gap + 1);
        page.more = true;
    }
    page
}

/// The position after which a page's publications begin.
pub(crate) fn before_page(page: &HistoryPage) -> Position {
    match page.publications.first().and_then(|first| first.position) {
        Some(first) => Position::new(first.era, first.seq.saturating_sub(1)),
        None => page.head,
    }
}
