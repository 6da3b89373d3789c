/**
 * What stands between a channel and one `for await`: a bounded queue. A reader that falls behind by `BUFFER_MAX` messages
 * gets those and then an error, never a silent gap.
 */
import { type PealError, slowReader } from './errors.js';
import type { Message } from './types.js';

const BUFFER_MAX = 10_000;

interface Pull {
  resolve(result: IteratorResult<Message>): void;
  reject(error: PealError): void;
}

const DONE = { done: true, value: undefined } as const;

export class MessageQueue implements AsyncIterableIterator<Message> {
  #items: Message[] = [];
  /** What arrived while the history before it is being read. */
  #held: Message[] | undefined;
  readonly #pulls: Pull[] = [];
  readonly #release: (queue: MessageQueue) => void;
  #ended = false;
  #error: PealError | undefined;

  constructor(release: (queue: MessageQueue) => void) {
    this.#release = release;
  }

  push(message: Message): void {
    if (this.#ended) return;
    const pull = this.#held ? undefined : this.#pulls.shift();
    const queue = this.#held ?? this.#items;
    if (pull) pull.resolve({ done: false, value: message });
    else if (queue.push(message) >= BUFFER_MAX) this.end(slowReader(BUFFER_MAX));
  }

  /** Puts `backlog` before everything that arrives from here on, without what is in both. */
  async precede(backlog: Promise<Message[]>): Promise<void> {
    this.#held = [];
    try {
      const earlier = await backlog;
      const known = new Set(earlier.map((message) => message.position));
      const later = (this.#held ?? []).filter(({ position }) => !position || !known.has(position));
      this.#held = undefined;
      for (const message of [...earlier, ...later]) this.push(message);
    } catch (error) {
      this.end(error as PealError);
    }
  }

  end(error?: PealError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release(this);
    this.#items.push(...(this.#held ?? []));
    for (const pull of this.#pulls.splice(0)) error ? pull.reject(error) : pull.resolve(DONE);
    if (!this.#pulls.length) this.#error = error;
  }

  next(): Promise<IteratorResult<Message>> {
    return new Promise((resolve, reject) => {
      const value = this.#held ? undefined : this.#items.shift();
      const error = this.#error;
      if (value) resolve({ done: false, value });
      else if (!this.#ended) this.#pulls.push({ resolve, reject });
      else if (error) {
        this.#error = undefined;
        reject(error);
      } else resolve(DONE);
    });
  }

  async return(): Promise<IteratorResult<Message>> {
    this.#items = [];
    this.end();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
