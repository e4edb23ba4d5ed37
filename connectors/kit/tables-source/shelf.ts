export interface Shelf<T> extends AsyncIterable<T> {
  /** Resolves once there is room for more; false: nobody takes any. */
  put(item: T): Promise<boolean>;
  end(): void;
  /** Told once what is there was taken. */
  fail(error: unknown): void;
  /** Nobody takes any more: what is there is dropped. */
  close(): void;
}

export interface ShelfOptions<T> {
  bytesOf(this: void, item: T): number;
  /** It is full at this. Invariant 7. */
  readonly bytesMax: number;
}

/** What waits between one that puts and one that takes. */
export function createShelf<T>({ bytesOf, bytesMax }: ShelfOptions<T>): Shelf<T> {
  let waiting: T[] = [];
  let bytes = 0;
  let isClosed = false;
  let over: { readonly failure?: { readonly error: unknown } } | null = null;
  let came: () => void = () => undefined;
  let went: () => void = () => undefined;
  return {
    async put(item) {
      if (isClosed) return false;
      waiting.push(item);
      bytes += bytesOf(item);
      came();
      while (bytes >= bytesMax && !isClosed) await new Promise<void>((resolve) => (went = resolve));
      return !isClosed;
    },
    end() {
      over ??= {};
      came();
    },
    fail(error) {
      over ??= { failure: { error } };
      came();
    },
    close() {
      isClosed = true;
      waiting = [];
      went();
      came();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const item = waiting.shift();
        if (item !== undefined) {
          bytes -= bytesOf(item);
          went();
          yield item;
        } else if (over?.failure !== undefined) throw over.failure.error;
        else if (over !== null || isClosed) return;
        else await new Promise<void>((resolve) => (came = resolve));
      }
    },
  };
}
