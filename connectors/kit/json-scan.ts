/** Thrown for text that is no JSON; without its contents, which are a record's. */
export class NotJson extends Error {
  override readonly name = 'NotJson';
}

/** A member of an object, as positions in the text: the key with its quotes, and the value. */
export interface Member {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

export function skipSpace(text: string, at: number): number {
  let i = at;
  while (isSpace(text.charCodeAt(i))) i += 1;
  return i;
}

/** The position after the string that starts at `at`. */
export function skipString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 92) i += 1;
    else if (code === 34) return i + 1;
  }
  throw new NotJson();
}

/** The position after the value that starts at `at`. Brackets are matched, tokens are not checked: the database does that. */
export function skipValue(text: string, at: number): number {
  let depth = 0;
  let i = at;
  do {
    i = skipSpace(text, i);
    const c = text[i];
    if (c === undefined) throw new NotJson();
    if (c === '"') i = skipString(text, i);
    else if (c === '{' || c === '[') {
      depth += 1;
      i += 1;
    } else if (c === '}' || c === ']') {
      depth -= 1;
      if (depth < 0) throw new NotJson();
      i += 1;
    } else if (c === ',' || c === ':') {
      if (depth === 0) throw new NotJson();
      i += 1;
    } else i = skipToken(text, i);
  } while (depth > 0);
  return i;
}

/** One of `,:]}"[{` or white space. */
function endsToken(code: number): boolean {
  switch (code) {
    case 44:
    case 58:
    case 93:
    case 125:
    case 34:
    case 91:
    case 123:
      return true;
    default:
      return isSpace(code);
  }
}

function skipToken(text: string, at: number): number {
  let i = at;
  while (i < text.length && !endsToken(text.charCodeAt(i))) i += 1;
  return i;
}

/** Takes a member, whose value begins at `start`, and returns the position after the value. The key is raw: still quoted and escaped. */
export type TakeMember = (key: string, start: number) => number;

/** Goes through the object that starts at `at`; returns the position after it. */
export function eachMember(text: string, at: number, take: TakeMember): number {
  if (text[at] !== '{') throw new NotJson();
  let i = skipSpace(text, at + 1);
  if (text[i] === '}') return i + 1;
  for (;;) {
    if (text[i] !== '"') throw new NotJson();
    const keyEnd = skipString(text, i);
    const key = text.slice(i, keyEnd);
    i = skipSpace(text, keyEnd);
    if (text[i] !== ':') throw new NotJson();
    i = skipSpace(text, take(key, skipSpace(text, i + 1)));
    if (text[i] === '}') return i + 1;
    if (text[i] !== ',') throw new NotJson();
    i = skipSpace(text, i + 1);
  }
}

/** The members of the object that starts at `at`, in their order. Keys are raw. */
export function membersOf(text: string, at: number): Member[] {
  const members: Member[] = [];
  eachMember(text, at, (key, start) => {
    const end = skipValue(text, start);
    members.push({ key, start, end });
    return end;
  });
  return members;
}

/** A key's characters, of the key with its quotes. */
export const keyText = (key: string): string =>
  key.includes('\\') ? (JSON.parse(key) as string) : key.slice(1, -1);

/** The member of a plain name (one that needs no escape, written with none), the last of it. */
export const memberOf = (members: readonly Member[], name: string): Member | undefined =>
  members.findLast((member) => member.key === `"${name}"`);

/** The text of a JSON string that has one character a byte. */
export const stringOf = (json: string): string =>
  JSON.parse(Buffer.from(json, 'latin1').toString()) as string;

/** The brackets and the literals (numbers, `true`, `NaN`) of a value, in order; strings are stepped over. */
export function* tokensOf(text: string): Generator<string> {
  for (let i = skipSpace(text, 0); i < text.length; i = skipSpace(text, i)) {
    const c = text[i]!;
    if (c === '"') i = skipString(text, i);
    else if (',:[]{}'.includes(c)) {
      if (c !== ',' && c !== ':') yield c;
      i += 1;
    } else {
      const end = skipToken(text, i);
      yield text.slice(i, end);
      i = end;
    }
  }
}

/** JSON text with one character a byte, as the parsers have it: `latin1` of UTF-8. */
export const asBytesText = (text: string): string => Buffer.from(text).toString('latin1');
