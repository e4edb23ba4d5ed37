// AssemblyScript, not TypeScript: `npm run wasm` compiles it into envelopes-wasm.ts. What it proves is told in envelopes.ts.
import { firstHeadAt, runBytes, runCountAt, runsAt, runsMax, valueOffset } from './envelope-layout';

const lineFeed: u8 = 0x0a;
const carriageReturn: u8 = 0x0d;
const quote: u8 = 0x22;
const backslash: u8 = 0x5c;
const opening: u8 = 0x7b;
const closing: u8 = 0x7d;
const oddBits: u64 = 0xaaaaaaaaaaaaaaaa;

/** Set by `matching` and `lineEnd`. */
let after: u32 = 0;
let isCrlf: u32 = 0;

/**
 * Reads lines from `from` as long as each is a record whose envelope is known, writes them as runs, and returns where it stopped: at `until`,
 * at a line that is not known, or where the runs are full. The byte before `until` must be a line feed: every search stops there.
 */
export function match(from: u32, until: u32): u32 {
  let at = from;
  let count: u32 = 0;
  let run: u32 = runsAt - runBytes;
  while (at < until) {
    const stream = streamOf(at);
    if (stream < 0) break;
    const isSame =
      count > 0 && isCrlf == 0 && load<u32>(run) == <u32>stream && load<u32>(run + 12) == 0;
    if (isSame) {
      store<u32>(run + 4, load<u32>(run + 4) + 1);
    } else {
      if (count == runsMax) break;
      count += 1;
      run += runBytes;
      store<u32>(run, <u32>stream);
      store<u32>(run + 4, 1);
      store<u32>(run + 12, isCrlf);
    }
    store<u32>(run + 8, after);
    at = after;
  }
  store<u32>(runCountAt, count);
  return at;
}

/** The stream of the line at `at`, whose end is then in `after`; -1 when its envelope is not known. */
function streamOf(at: u32): i32 {
  const head = matching(firstHeadAt, at, false);
  if (head == 0) return -1;
  const data = after;
  const tails = head + valueOffset;
  // Flat data: no brace before this one, in a string or not, so it is the one that closes the data.
  const first = firstBrace(data);
  if (first == 0) return -1;
  let tail = matching(tails, first, true);
  if (tail == 0) {
    // Else the brace must be found by counting: without that, a member between data and tail (a namespace) would be taken for data.
    const close = closeOf(data);
    if (close <= first) return -1;
    tail = matching(tails, close, true);
    if (tail == 0) return -1;
  }
  return load<i32>(tail + valueOffset);
}

/** The node of the list whose pattern lies at `at`, moved to the front; 0: none. `after` is then the end of the pattern, or of the line. */
function matching(list: u32, at: u32, toLineEnd: bool): u32 {
  let link = list;
  for (let node = load<u32>(link); node != 0; node = load<u32>(link)) {
    if (lies(node, at) && (!toLineEnd || atLineEnd())) {
      if (link != list) {
        store<u32>(link, load<u32>(node));
        store<u32>(node, load<u32>(list));
        store<u32>(list, node);
      }
      return node;
    }
    link = node;
  }
  return 0;
}

function atLineEnd(): bool {
  isCrlf = load<u8>(after) == carriageReturn ? 1 : 0;
  after += isCrlf + 1;
  return load<u8>(after - 1) == lineFeed;
}

/** A pattern holds no line feed, so it never lies across the end of a line. */
function lies(node: u32, at: u32): bool {
  const length = load<u32>(node + 8);
  if (!equals(load<u32>(node + 4), at, length)) return false;
  after = at + length;
  if (load<u32>(node + 12) == 0) return true;
  const digits = after;
  while (load<u8>(after) - 0x30 <= 9) after += 1;
  if (after == digits) return false;
  const rest = load<u32>(node + 20);
  if (!equals(load<u32>(node + 16), after, rest)) return false;
  after += rest;
  return true;
}

function equals(a: u32, b: u32, length: u32): bool {
  let i: u32 = 0;
  for (; i + 16 <= length; i += 16)
    if (!i8x16.all_true(i8x16.eq(v128.load(a + i), v128.load(b + i)))) return false;
  const wanted = (1 << (length - i)) - 1;
  return (i8x16.bitmask(i8x16.eq(v128.load(a + i), v128.load(b + i))) & wanted) == wanted;
}

/** Where the first closing brace at or after `at` lies; 0: not in this line. */
function firstBrace(at: u32): u32 {
  const braces = i8x16.splat(closing);
  const feeds = i8x16.splat(lineFeed);
  let i = at;
  while (true) {
    const bytes = v128.load(i);
    const found = i8x16.bitmask(v128.or(i8x16.eq(bytes, braces), i8x16.eq(bytes, feeds)));
    if (found != 0) {
      const place = i + <u32>ctz(found);
      return load<u8>(place) == closing ? place : 0;
    }
    i += 16;
  }
}

/**
 * Where the brace lies that closes the object which `at` lies in, outside its strings; 0: not in this line. 64 bytes at a time as masks of
 * a bit a byte, in the manner of simdjson.
 */
function closeOf(at: u32): u32 {
  let depth: i32 = 1;
  let isEscaped: u64 = 0;
  let isInString: u64 = 0;
  let i = at;
  while (true) {
    const feeds = positions(i, lineFeed);
    const before: u64 = feeds == 0 ? ~0 : (feeds & -feeds) - 1;
    const slashes = positions(i, backslash);
    let escaped = isEscaped;
    if (slashes == 0) isEscaped = 0;
    else {
      const starts = slashes & ~isEscaped;
      const terminals = (((starts << 1) | oddBits) - starts) ^ oddBits;
      escaped = terminals ^ (slashes | isEscaped);
      isEscaped = (terminals & slashes) >> 63;
    }
    const inString = upTo(positions(i, quote) & ~escaped) ^ isInString;
    isInString = <u64>((<i64>inString) >> 63);
    const outside = ~inString & before;
    const opens = positions(i, opening) & outside;
    const closes = positions(i, closing) & outside;
    if (popcnt(closes) >= <u64>depth) {
      for (let left = closes; left != 0; left &= left - 1) {
        const below = (left & -left) - 1;
        if (depth + <i32>popcnt(opens & below) - <i32>popcnt(closes & below) == 1)
          return i + <u32>ctz(left);
      }
    }
    if (feeds != 0) return 0;
    depth += <i32>popcnt(opens) - <i32>popcnt(closes);
    i += 64;
  }
}

/** A bit for each of the 64 bytes at `at` that is `byte`. */
function positions(at: u32, byte: u8): u64 {
  const wanted = i8x16.splat(byte);
  return (
    (<u64>i8x16.bitmask(i8x16.eq(v128.load(at), wanted))) |
    ((<u64>i8x16.bitmask(i8x16.eq(v128.load(at, 16), wanted))) << 16) |
    ((<u64>i8x16.bitmask(i8x16.eq(v128.load(at, 32), wanted))) << 32) |
    ((<u64>i8x16.bitmask(i8x16.eq(v128.load(at, 48), wanted))) << 48)
  );
}

/** Each bit is the parity of the bits up to it: set from an opening quote to the byte before its closing one. */
function upTo(bits: u64): u64 {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  return bits ^ (bits << 32);
}
