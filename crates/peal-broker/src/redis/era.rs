//! Eras: generation and counter (`lua/fence.lua` makes them).

use peal_core::Position;

/// Eras in one generation.
const SPAN: u64 = 1 << 21;
/// Ends of eras remembered per topic; the oldest makes room.
const ENDED_MAX: usize = 4;

pub(super) fn generation(era: u64) -> u64 {
    era / SPAN
}

pub(super) fn generation_of(position: Position) -> u64 {
    generation(position.era)
}

/// Remembers how far an era went: the highest position said of it.
pub(super) fn note_end(ended: &mut Vec<Position>, at: Position) {
    match ended.iter_mut().find(|end| end.era == at.era) {
        Some(end) => *end = at.max(*end),
        None => {
            if ended.len() == ENDED_MAX {
                ended.remove(0);
            }
            ended.push(at);
        }
    }
}
