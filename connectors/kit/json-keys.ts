import { keyText, membersOf, skipSpace, skipString, skipValue } from './json-scan.ts';

/**
 * The value with each key of its objects once, which has the last of its values, as most systems have it; as it stands where none is there twice. For
 * systems that would keep the first. It is JSON, and nests no deeper than `depthMax`.
 */
export const lastOfKeys = (json: string): string => (hasTwins(json) ? once(json, 0) : json);

/** Whether an object has a key twice. */
function hasTwins(json: string): boolean {
  if (!json.includes('{')) return false;
  // Keys of the objects around; null: a list.
  const around: (Set<string> | null)[] = [];
  for (let i = 0; i < json.length;) {
    const c = json[i]!;
    if (c !== '"') {
      if (c === '{') around.push(new Set());
      else if (c === '[') around.push(null);
      else if (c === '}' || c === ']') around.pop();
      i += 1;
      continue;
    }
    const end = skipString(json, i);
    const keys = around.at(-1) ?? null;
    if (keys !== null && json[skipSpace(json, end)] === ':') {
      const key = keyText(json.slice(i, end));
      if (keys.has(key)) return true;
      keys.add(key);
    }
    i = end;
  }
  return false;
}

/** The value that starts at `at`. */
function once(json: string, at: number): string {
  const start = skipSpace(json, at);
  if (json[start] === '[') return `[${itemsOf(json, start).join(',')}]`;
  if (json[start] !== '{') return json.slice(start, skipValue(json, start));
  const members = membersOf(json, start).map(
    (member) => [keyText(member.key), `${member.key}:${once(json, member.start)}`] as const,
  );
  return `{${[...new Map(members).values()].join(',')}}`;
}

function itemsOf(json: string, at: number): string[] {
  const items: string[] = [];
  let i = skipSpace(json, at + 1);
  while (json[i] !== ']') {
    items.push(once(json, i));
    i = skipSpace(json, skipValue(json, i));
    if (json[i] === ',') i = skipSpace(json, i + 1);
  }
  return items;
}
