import { typecastReason } from '../../connectors/kit/columns.ts';
import type { DeclaredType, ValueCase } from './cases.ts';
import { instantOf, jsonOf, numeralOf, timeOf } from './exact.ts';

/** A cell as a destination gives it back: as text, or as the JSON text that stands there. null: NULL, or absent. */
export type Arrived = { readonly as: 'text' | 'json'; readonly text: string } | null;

/** A row as it is found in a destination, by column. */
export type ArrivedRow = ReadonlyMap<string, Arrived>;

/** The characters of a cell that holds text. */
export const charactersOf = (cell: Arrived | undefined): string | null =>
  cell == null ? null : cell.as === 'json' ? contentOf(cell.text).text : cell.text;

export interface Change {
  readonly field: string;
  readonly change: string;
  readonly reason: string;
}

/**
 * `equal`. `null, counted`: with its entry in `_airbyte_meta.changes`. `same double`: the number has another digit, and both are the same double.
 * `cut, told`: what is below a microsecond is gone, with an entry. All else begins with `BROKEN`.
 */
export type Outcome = 'equal' | 'null, counted' | 'same double' | 'cut, told' | `BROKEN${string}`;

/** What became of a value. `changes`: of its row and field. */
export function judge(one: ValueCase, arrived: Arrived, changes: readonly Change[]): Outcome {
  const told = changes.map(({ change, reason }) => `${change} ${reason}`).join(', ');
  const isNulled = told === `NULLED ${typecastReason}`;
  const meant = one.value === null || one.value === 'null' ? null : one.value;
  if (arrived === null) {
    if (isNulled && meant !== null) return 'null, counted';
    return meant === null && told === '' ? 'equal' : `BROKEN: null, told: ${told || 'nothing'}`;
  }
  if (meant === null) return `BROKEN: null became ${shown(arrived)}`;
  const likeness = compare(one.type, meant, arrived);
  if (likeness === 'cut' && told === cutTold) return 'cut, told';
  if (told !== '') return `BROKEN: ${likeness}, yet told: ${told}`;
  if (likeness === 'equal' || likeness === 'same double') return likeness;
  return `BROKEN: ${likeness}: ${shown(arrived)}`;
}

const cutTold = 'TRUNCATED DESTINATION_FIELD_SIZE_LIMITATION';
const shown = ({ text }: NonNullable<Arrived>): string => JSON.stringify(text).slice(0, 80);

type Likeness = 'equal' | 'same double' | 'cut' | 'another value';

function compare(type: DeclaredType, meant: string, arrived: NonNullable<Arrived>): Likeness {
  const sent = contentOf(meant);
  const text = arrived.as === 'json' ? contentOf(arrived.text).text : arrived.text;
  if (sent.isText && text === sent.text) return 'equal';
  if (arrived.text === meant && (arrived.as === 'json' || !sent.isText)) return 'equal';
  switch (type) {
    case 'boolean':
      return sent.text.toLowerCase() === text.toLowerCase() ? 'equal' : 'another value';
    case 'string':
    case 'object':
    case 'array':
    case 'mixed':
      return alike(jsonOf(meant), jsonOf(arrived.text));
    case 'integer':
    case 'big_integer':
      return alike(numeralOf(sent.text), numeralOf(text));
    case 'number':
      return compareNumbers(sent.text, text);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return compareNanos(instantOf(sent.text), instantOf(text));
    case 'time':
    case 'timetz':
      return compareTimes(sent.text, text);
  }
}

interface Content {
  readonly text: string;
  readonly isText: boolean;
}

/** What a JSON text says: a string's characters, else the text itself. */
const contentOf = (json: string): Content =>
  json.startsWith('"')
    ? { text: JSON.parse(json) as string, isText: true }
    : { text: json, isText: false };

const alike = (a: string | null, b: string | null): Likeness =>
  a !== null && a === b ? 'equal' : 'another value';

function compareNumbers(sent: string, arrived: string): Likeness {
  if (alike(numeralOf(sent), numeralOf(arrived)) === 'equal') return 'equal';
  const isNumber = numeralOf(sent) !== null && numeralOf(arrived) !== null;
  return isNumber && Number(sent) === Number(arrived) && Number.isFinite(Number(sent))
    ? 'same double'
    : 'another value';
}

const nanosPerMicro = 1_000n;

function compareNanos(a: bigint | null, b: bigint | null): Likeness {
  if (a === null || b === null) return 'another value';
  if (a === b) return 'equal';
  const floored = a - (((a % nanosPerMicro) + nanosPerMicro) % nanosPerMicro);
  return floored === b ? 'cut' : 'another value';
}

function compareTimes(sent: string, arrived: string): Likeness {
  const [a, b] = [timeOf(sent), timeOf(arrived)];
  return a?.zone === b?.zone ? compareNanos(a?.nanos ?? null, b?.nanos ?? null) : 'another value';
}
