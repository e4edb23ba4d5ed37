import type { StreamId } from '../../protocol/index.ts';
import { envelopeOf, patternKey, type Pattern } from './envelope.ts';
import * as layout from './envelope-layout.ts';
import { code } from './envelopes-wasm.ts';

/** Takes adjacent record lines of one stream, the last of which ends at `end`. `isCrlf`: one line, ending in CR LF. */
export type TakeRun = (stream: StreamId, records: number, end: number, isCrlf: boolean) => void;

/**
 * Envelopes of RECORD messages already seen, by their bytes around `data`. What a match proves, for any line that is valid JSON: all bytes
 * up to the brace that opens the data and all bytes from the brace that closes it are those of a line that was parsed, but for the digits
 * of `emitted_at`. So type, stream and namespace are that line's too, wherever they stand and however they are written.
 */
export interface Envelopes {
  /** The lines of [at, until), the last of which ends there, are those to match from now on. Copies them. */
  load(bytes: Buffer, at: number, until: number): void;
  /** Reads the loaded lines from the one at `at`, and returns where the first one begins that must be parsed; or the end. */
  match(at: number, take: TakeRun): number;
  /** Remembers the envelope of a line that parsed as a RECORD of the stream. */
  learn(line: Buffer, stream: StreamId): void;
}

interface Module {
  readonly memory: WebAssembly.Memory;
  /** See envelopes.as.ts. */
  match(this: void, from: number, until: number): number;
}

interface Head {
  readonly node: number;
  readonly tails: Set<string>;
}

/** More heads than this in turns are parsed each time: a head is looked for one after the other, the one found last first. */
const headsMax = 64;
const pageBytes = 65_536;
const compiled = new WebAssembly.Module(code);

export function createEnvelopes(): Envelopes {
  const { memory, match } = new WebAssembly.Instance(compiled).exports as Module;
  const heads = new Map<string, Head>();
  const streams: StreamId[] = [];
  let words = new Uint32Array(memory.buffer);
  let input = Buffer.from(memory.buffer, layout.inputAt);
  let nodes = 0;
  let literalsAt = layout.literalsAt;
  /** From a place in the bytes to its address, and the address where they end. */
  let shift = 0;
  let end = layout.inputAt;

  /** Invariant 7: grows with the longest line only, which is bounded. */
  function makeRoom(bytes: number): void {
    const missing = bytes + layout.paddingBytes - input.length;
    if (missing <= 0) return;
    memory.grow(Math.ceil(missing / pageBytes));
    words = new Uint32Array(memory.buffer);
    input = Buffer.from(memory.buffer, layout.inputAt);
  }

  function literal(bytes: Buffer): readonly [address: number, length: number] {
    const address = literalsAt;
    Buffer.from(memory.buffer, address, bytes.length).set(bytes);
    literalsAt += bytes.length;
    return [address, bytes.length];
  }

  /** Puts a pattern in front of the list whose first node's address lies at `list`. */
  function add(list: number, pattern: Pattern, value: number): number {
    const node = layout.nodesAt + nodes * layout.nodeBytes;
    nodes += 1;
    const [first, second] = pattern;
    const next = words[list >> 2]!;
    const rest = second === undefined ? [0, 0, 0] : [1, ...literal(second)];
    words.set([next, ...literal(first!), ...rest, value], node >> 2);
    words[list >> 2] = node;
    return node;
  }

  function forget(): void {
    heads.clear();
    streams.length = 0;
    nodes = 0;
    literalsAt = layout.literalsAt;
    words[layout.firstHeadAt >> 2] = 0;
  }

  function numberOf(stream: StreamId): number {
    const known = streams.indexOf(stream);
    return known < 0 ? streams.push(stream) - 1 : known;
  }

  return {
    load(bytes, at, until) {
      makeRoom(until - at);
      input.set(bytes.subarray(at, until));
      shift = layout.inputAt - at;
      end = layout.inputAt + until - at;
    },
    match(at, take) {
      let place = at + shift;
      for (;;) {
        place = match(place, end);
        const count = words[layout.runCountAt >> 2]!;
        for (let run = 0; run < count; run += 1) {
          const word = (layout.runsAt + run * layout.runBytes) >> 2;
          const stream = streams[words[word]!]!;
          take(stream, words[word + 1]!, words[word + 2]! - shift, words[word + 3] === 1);
        }
        if (count < layout.runsMax || place === end) return place - shift;
      }
    },
    learn(line, stream) {
      const envelope = envelopeOf(line);
      if (envelope === undefined) return;
      const headKey = patternKey(envelope.head);
      const tailKey = patternKey(envelope.tail);
      const isFull =
        nodes + 2 > layout.nodesMax ||
        literalsAt + headKey.length + tailKey.length > layout.literalsEnd;
      if (isFull || (heads.size === headsMax && !heads.has(headKey))) forget();
      let head = heads.get(headKey);
      if (head === undefined) {
        head = { node: add(layout.firstHeadAt, envelope.head, 0), tails: new Set() };
        heads.set(headKey, head);
      }
      if (head.tails.has(tailKey)) return;
      head.tails.add(tailKey);
      add(head.node + layout.valueOffset, envelope.tail, numberOf(stream));
    },
  };
}
