import {
  isObject,
  streamId,
  type Catalog,
  type Json,
  type JsonObject,
  type SchemaChange,
  type StreamId,
} from '../protocol/index.ts';
import type { Unfilled } from './unfilled.ts';

/** What a source offers, as it is kept beside the data: each stream's fields with their types, null for one that is not copied. */
export type Offer = ReadonlyMap<StreamId, ReadonlyMap<string, string> | null>;

export function offerOf(catalog: Catalog, isCopied: (stream: StreamId) => boolean): Offer {
  return new Map(
    catalog.streams.map((stream) => {
      const id = streamId(stream);
      return [id, isCopied(id) ? fieldsOf(stream.json_schema) : null];
    }),
  );
}

function fieldsOf({ properties }: JsonObject): ReadonlyMap<string, string> {
  const fields = Object.entries(isObject(properties) ? properties : {});
  return new Map(fields.map(([field, type]) => [field, typeText(type)]));
}

/** `string`, `integer or string`, `string (date-time)`. Whether null is allowed is no matter: every column takes it. */
function typeText(schema: Json | undefined): string {
  if (!isObject(schema)) return 'any';
  const { $ref, oneOf, anyOf, type, format, airbyte_type } = schema;
  if (typeof $ref === 'string') return $ref.split('/').at(-1)!;
  const alternatives = oneOf ?? anyOf;
  if (Array.isArray(alternatives)) return oneOfThese((alternatives as Json[]).map(typeText));
  const types = (Array.isArray(type) ? (type as Json[]) : [type]).map((one) =>
    typeof one === 'string' ? one : 'any',
  );
  const hints = [format, airbyte_type].filter((hint) => typeof hint === 'string');
  return `${oneOfThese(types)}${hints.length === 0 ? '' : ` (${hints.join(', ')})`}`;
}

function oneOfThese(types: readonly string[]): string {
  const names = [...new Set(types)].filter((name) => name !== 'null').sort();
  return names.length === 0 ? 'any' : names.join(' or ');
}

type Entries<T> = [StreamId, [string, T][]];

/** The offer as the text that a destination keeps, with what is unfilled. */
export function offerText(offer: Offer, unfilled: Unfilled = new Map()): string {
  const streams = [...offer].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    streams: streams.map(([id, fields]) => [id, fields === null ? null : [...fields]]),
    // Absent where there is nothing, so that the text is what an older version wrote.
    ...(unfilled.size > 0 && {
      unfilled: [...unfilled].map(([id, columns]) => [id, [...columns]]),
    }),
  });
}

export function parseOffer(text: string): { readonly offer: Offer; readonly unfilled: Unfilled } {
  const { streams, unfilled = [] } = JSON.parse(text) as {
    streams: (Entries<string> | [StreamId, null])[];
    unfilled?: Entries<number>[];
  };
  return {
    offer: new Map(streams.map(([id, fields]) => [id, fields === null ? null : new Map(fields)])),
    unfilled: new Map(unfilled.map(([id, columns]) => [id, new Map(columns)])),
  };
}

/** In the order of streams and columns. A stream that was not copied before, or is not now, has no columns to compare. */
export function compareOffers(before: Offer, now: Offer): SchemaChange[] {
  const ids = [...new Set([...before.keys(), ...now.keys()])].sort();
  return ids.flatMap((stream): SchemaChange[] => {
    const [old, fresh] = [before.get(stream), now.get(stream)];
    if (old === undefined) return [{ stream, change: 'added' }];
    if (fresh === undefined) return [{ stream, change: 'removed' }];
    return old === null || fresh === null ? [] : compareFields(stream, old, fresh);
  });
}

function compareFields(
  stream: StreamId,
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): SchemaChange[] {
  const columns = [...new Set([...before.keys(), ...now.keys()])].sort();
  return columns.flatMap((column): SchemaChange[] => {
    const [from, to] = [before.get(column), now.get(column)];
    if (from === undefined) return [{ stream, column, change: 'added', to: to! }];
    if (to === undefined) return [{ stream, column, change: 'removed', from }];
    return from === to ? [] : [{ stream, column, change: 'retyped', from, to }];
  });
}
