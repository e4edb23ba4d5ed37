/** Bytes on loan: they may change once everyone who holds them has let go. */
export interface Chunk {
  readonly bytes: Buffer;
  /** So many bytes before `bytes`, in the same memory, are its holder's too. */
  readonly room: number;
  /** One more holds them. Returns how that one lets go; idempotent. */
  hold(): () => void;
}

/** A bounded number of buffers, used again and again: the one let go last is the first to be filled, so it is still in the cache. */
export interface ChunkPool {
  /** Buffers that may be taken now. */
  readonly free: number;
  /** Throws when none is free. */
  take(): Buffer;
  /**
   * The first `length` bytes of a buffer that was taken; it is free again once nobody holds the chunk any more. A small chunk is copied: a
   * source that prints line by line would else have a buffer taken by each line.
   */
  chunk(buffer: Buffer, length: number): Chunk;
}

export interface ChunkPoolOptions {
  readonly bufferBytes: number;
  /** Each buffer has so many bytes more before it. */
  readonly roomBytes: number;
  /** Invariant 7: memory ends here; whoever fills buffers waits for those who empty them. */
  readonly buffersMax: number;
  /** A buffer became free. */
  readonly freed: () => void;
}

export function createChunkPool(options: ChunkPoolOptions): ChunkPool {
  const { bufferBytes, roomBytes, buffersMax, freed } = options;
  const idle: Buffer[] = [];
  let made = 0;

  return {
    get free() {
      return idle.length + buffersMax - made;
    },
    take() {
      const buffer = idle.pop();
      if (buffer !== undefined) return buffer;
      if (made === buffersMax) throw new Error('Every buffer is taken.');
      made += 1;
      return Buffer.allocUnsafeSlow(roomBytes + bufferBytes).subarray(roomBytes);
    },
    chunk(buffer, length) {
      if (length <= bufferBytes / 4) {
        idle.push(buffer);
        const bytes = Buffer.from(buffer.subarray(0, length));
        return { bytes, room: 0, hold: () => () => undefined };
      }
      let holders = 0;
      return {
        bytes: buffer.subarray(0, length),
        room: roomBytes,
        hold() {
          holders += 1;
          let holds = true;
          return () => {
            if (!holds) return;
            holds = false;
            holders -= 1;
            if (holders > 0) return;
            idle.push(buffer);
            freed();
          };
        },
      };
    },
  };
}
