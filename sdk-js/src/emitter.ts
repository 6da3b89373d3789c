/**
 * Listeners by event name. A listener that throws is reported and never keeps another listener, or the next message,
 * from being delivered.
 */
import type { Unsubscribe } from './types.js';

export class Emitter<M extends object> {
  readonly #listeners = new Map<keyof M, Set<(value: never) => void>>();

  on<K extends keyof M>(event: K, listener: (value: M[K]) => void): Unsubscribe {
    // Wrapped, so that one function registered twice is two registrations, each with its own end.
    const own = (value: M[K]) => listener(value);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(own));
    return () => {
      if (listeners.delete(own) && !listeners.size) this.#listeners.delete(event);
    };
  }

  /** True if somebody listened. */
  emit<K extends keyof M>(event: K, value: M[K]): boolean {
    const listeners = this.#listeners.get(event) as Set<(value: M[K]) => void> | undefined;
    for (const listener of [...(listeners ?? [])]) {
      try {
        listener(value);
      } catch (thrown) {
        report(thrown);
      }
    }
    return !!listeners;
  }

  clear(): void {
    this.#listeners.clear();
  }
}

function report(thrown: unknown): void {
  if (typeof reportError === 'function') reportError(thrown);
  else console.error(thrown);
}
