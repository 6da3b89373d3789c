//! Eras: generation and counter (`lua/fence.lua` makes them).

use peal_core::Position;

/// Eras in one generation.
const SPAN: u64 = 1 << 21;

pub(super) fn generation(era: u64) -> u64 {
    era / SPAN
}

pub(super) fn generation_of(position: Position) -> u64 {
    generation(position.era)
}
