/** What was read last, up to so many bytes. What is wanted twice at the same time is read once. */
export class RecentlyRead<T> {
  readonly #most: number;
  // A map goes through its keys in the order in which they came: the first is the one that was wanted longest ago.
  readonly #held: Map<string, { bytes: number; value: Promise<T> }> = new Map();
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** What `read` gives for this key, now or earlier; `bytes` is what it takes. What fails is not kept. */
  get(key: string, { bytes, read }: { bytes: number; read: () => Promise<T> }): Promise<T> {
    const known = this.#held.get(key);
    if (known) {
      this.#held.delete(key);
      this.#held.set(key, known);
      return known.value;
    }
    const value = read();
    this.#held.set(key, { bytes, value });
    this.#bytes += bytes;
    value.catch(() => this.#drop(key));
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#most || oldest === key) break;
      this.#drop(oldest);
    }
    return value;
  }

  #drop(key: string): void {
    this.#bytes -= this.#held.get(key)?.bytes ?? 0;
    this.#held.delete(key);
  }
}
