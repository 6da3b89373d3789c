/**
 * The publications seen lately on one channel, to drop what arrives twice.
 *
 * A position is never given twice, so the same position is the same publication. A message id is unique on its channel for
 * two minutes: the same id within that time is one publish that a failover stored twice, and later it is another message.
 */
import type { WirePublication } from './codec.js';

const KEPT_MAX = 512;
const ID_UNIQUE_MS = 120_000;

export class Seen {
  readonly #positions = new Set<string>();
  readonly #ids = new Map<string, number>();

  /** `same` means drop it and go nowhere; `repeat` means drop it, but continuity goes on from its position. */
  check({ position, id, ts }: WirePublication): 'new' | 'same' | 'repeat' {
    if (position !== undefined) {
      if (this.#positions.has(position)) return 'same';
      trim(this.#positions.add(position));
    }
    const before = this.#ids.get(id);
    if (before !== undefined && Math.abs(ts - before) < ID_UNIQUE_MS) return 'repeat';
    this.#ids.delete(id);
    trim(this.#ids.set(id, ts));
    return 'new';
  }

  clear(): void {
    this.#positions.clear();
    this.#ids.clear();
  }
}

function trim(kept: Set<string> | Map<string, number>): void {
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) return;
    kept.delete(oldest);
  }
}
