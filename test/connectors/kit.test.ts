import { columnsOf, kindOfObserved } from '../../connectors/kit/columns.ts';
import { nestsDeeper } from '../../connectors/kit/depth.ts';
import { Gatherer } from '../../connectors/kit/gather.ts';
import {
  caseFold,
  claimNames,
  exactFold,
  identifierBytesMax,
} from '../../connectors/kit/identifiers.ts';
import { fitsDouble } from '../../connectors/kit/numbers.ts';
import { repairLines, type RepairRules } from '../../connectors/kit/repair.ts';
import { planTargets, type KnownTable } from '../../connectors/kit/targets.ts';
import type { Block, Encoding, JsonObject, Landing } from '../../protocol/index.ts';
import { id } from '../support/items.ts';
import { block, failure, never, stream } from './harness.ts';

describe('claimNames', () => {
  const claim = (wanted: string[], existing: string[], fold = exactFold): string[] => {
    const names = claimNames(wanted, { fold, existing, reserved: ['_airbyte_meta'] });
    return wanted.map((want) => names.get(want)!);
  };

  test('takes names verbatim, and tells the rest apart by a hash', () => {
    const [plain, reserved, long, empty] = claim(
      ['a b"c', '_airbyte_meta', 'é'.repeat(60), ''],
      [],
    );
    expect(plain).toBe('a b"c');
    expect(reserved).toMatch(/^_airbyte_meta_[0-9a-f]{8}$/);
    expect(Buffer.byteLength(long!)).toBeLessThanOrEqual(identifierBytesMax);
    expect(long).toMatch(/^é+_[0-9a-f]{8}$/);
    expect(empty).toMatch(/^_[0-9a-f]{8}$/);
  });

  test('finds names again, whatever their order', () => {
    const first = claim(['Id', 'id'], [], caseFold);
    expect(first[0]).toBe('Id');
    expect(claim(['id', 'Id'], first, caseFold)).toEqual(first.toReversed());
    expect(claim(['ID', 'id', 'Id'], first, caseFold).slice(1)).toEqual(first.toReversed());
    expect(claim(['Id', 'id'], [])).toEqual(['Id', 'id']);
  });
});

describe('planTargets', () => {
  const plan = (
    streams: readonly (readonly [name: string, landing?: Landing])[],
    known: readonly KnownTable[] = [],
  ) =>
    planTargets(
      {
        streams: streams.map(([name, landing]) =>
          stream(name, 'append', landing === undefined ? {} : { landing }),
        ),
      },
      known,
      { schema: 'main', fold: caseFold },
    ).map(({ schema, table }) => `${schema}.${table}`);

  test('a stream keeps its table while it is named as the stream is, whatever the company', () => {
    const [first, second] = plan([['Orders'], ['orders']]);
    expect(first).toBe('main.Orders');
    expect(second).toMatch(/^main\.orders_[0-9a-f]{8}$/);
    const known = { schema: 'main', stream: id('orders'), table: second!.slice(5), generation: 0 };
    expect(plan([['orders']], [known])).toEqual([second]);
    expect(plan([['orders', { prefix: 'x_' }]], [known])).toEqual(['main.x_orders']);
    // The same schema to the system: its table goes by the name it was made with.
    expect(plan([['orders', { namespace: 'MAIN' }]], [known])).toEqual([second]);
    expect(plan([['orders', { namespace: 'raw' }]], [known])).toEqual(['raw.orders']);
  });

  test('a name that another stream of the connection had is not given out again', () => {
    const known = { schema: 'main', stream: id('a'), table: 'x_orders', generation: 0 };
    expect(plan([['orders', { prefix: 'x_' }]], [known])[0]).toMatch(/^main\.x_orders_/);
  });

  test('a schema whose name would be cut is refused', () => {
    expect(() => plan([['orders', { namespace: 'é'.repeat(32) }]])).toThrow(
      expect.objectContaining({ kind: 'config_error', stream: 'orders' }),
    );
  });
});

test.each<[JsonObject, string]>([
  [{ type: 'string' }, 'string'],
  [{ type: ['null', 'integer'] }, 'integer'],
  [{ type: 'number', airbyte_type: 'integer' }, 'integer'],
  [{ type: 'string', airbyte_type: 'big_integer' }, 'big_integer'],
  [{ type: ['integer', 'number'] }, 'number'],
  [{ type: ['string', 'integer'] }, 'json'],
  [{ oneOf: [{ type: 'null' }, { type: 'boolean' }] }, 'boolean'],
  [{ oneOf: [{ type: 'string' }, { type: 'boolean' }] }, 'json'],
  [{ type: 'string', format: 'date' }, 'date'],
  [{ type: 'string', format: 'date-time' }, 'timestamptz'],
  [
    { type: 'string', format: 'date-time', airbyte_type: 'timestamp_without_timezone' },
    'timestamp',
  ],
  [{ type: 'string', format: 'time', airbyte_type: 'time_with_timezone' }, 'timetz'],
  [{ $ref: 'WellKnownTypes.json#/definitions/Integer' }, 'integer'],
  [{}, 'json'],
])('the schema %j makes a column of kind %s', (schema, kind) => {
  expect(columnsOf({ properties: { a: schema } }).get('a')).toBe(kind);
});

test('a key that was seen gets the kind of what was seen', () => {
  const kind = (types: string[], big = false): string => kindOfObserved({ field: 'a', types, big });
  expect(kind(['integer'])).toBe('integer');
  expect(kind(['integer'], true)).toBe('big_integer');
  expect(kind(['integer', 'number'])).toBe('number');
  expect(kind(['string', 'number'])).toBe('json');
  expect(kind(['object'])).toBe('json');
});

test('fitsDouble compares values, not spellings', () => {
  for (const numeral of [
    '0',
    '-0',
    '1.50',
    '0.1',
    '1e5',
    '100000000000000000000',
    '0.10000000000000001',
    '5e-324',
    '9007199254740992',
  ])
    expect([numeral, fitsDouble(numeral)]).toEqual([numeral, true]);
  for (const numeral of [
    '9007199254740993',
    '0.0012345678901234568',
    '1.23456789012345678',
    '1e400',
    '1.5e-324',
    '0.10000000000000000001',
  ])
    expect([numeral, fitsDouble(numeral)]).toEqual([numeral, false]);
});

test('deep lines are noticed wherever they stand, whatever is in their strings', () => {
  const deep = (depth: number): string =>
    `${'{"a[{\\"":['.repeat(depth / 2)}${']}'.repeat(depth / 2)}\n`;
  const brackets = `${JSON.stringify('[{\\"'.repeat(3_000))}\n`;
  const isDeep = (text: string): boolean => nestsDeeper(Buffer.from(text), 1_000);
  expect(isDeep(deep(1_000))).toBe(false);
  expect(isDeep(deep(1_002))).toBe(true);
  expect(isDeep(`${brackets}{"a":1}\n${deep(1_000)}${brackets}`)).toBe(false);
  expect(isDeep(`${brackets}${deep(1_002)}{}\n`)).toBe(true);
  expect(isDeep(`${brackets}${deep(1_002).trimEnd()}`)).toBe(true);
});

describe('repairLines', () => {
  const rules: RepairRules = { numbers: 'list', refusesNul: true };
  const repair = (data: string, some: RepairRules = rules): unknown => {
    const line = Buffer.from(
      `{"type":"RECORD","record":{"stream":"s","data":${data},"emitted_at":5,"meta":{"changes":[]}}}\n`,
    );
    const text = repairLines(line, some).toString();
    expect(repairLines(Buffer.from(text), some).toString()).toBe(text);
    expect(text.endsWith('\n')).toBe(true);
    const { record, _tidemark } = JSON.parse(text) as {
      record: { data: unknown; emitted_at: number; meta: unknown };
      _tidemark?: unknown;
    };
    expect([record.emitted_at, record.meta]).toEqual([5, { changes: [] }]);
    return [record.data, _tidemark];
  };

  test('lists numbers that a double loses, and leaves the record as it was', () => {
    expect(
      repair('{"a":1.50,"b":{"c":[0.12345678901234567890]},"d":"12345678901234567.5","e":"x"}'),
    ).toEqual([
      { a: 1.5, b: { c: [0.12345678901234568] }, d: '12345678901234567.5', e: 'x' },
      { exact: { b: '{"c":[0.12345678901234567890]}' }, digits: { d: '12345678901234567.5' } },
    ]);
  });

  test('nulls what no database takes, and lists it', () => {
    expect(
      repair(
        '{"a":"\\u0000","b":"\\ud800x","c":"\\udc00","d":"\\ud83d\\ude00","e":"\\\\u0000","f":[NaN],"g":1e99999}',
      ),
    ).toEqual([
      { a: null, b: null, c: null, d: '😀', e: '\\u0000', f: null, g: null },
      { nulled: ['a', 'b', 'c', 'f', 'g'] },
    ]);
    expect(repair('{"a":"\\u0000"}', { ...rules, refusesNul: false })).toEqual([
      { a: '\0' },
      undefined,
    ]);
  });

  test('refuses what is no record', () => {
    for (const line of [
      'nonsense',
      '{"type":"RECORD"}',
      '{"record":{}}',
      '{"record":{"data":[]}}',
      '{"record":{"data":{"a":1',
    ])
      expect(() => repairLines(Buffer.from(`${line}\n`), rules)).toThrow();
  });
});

describe('a gatherer', () => {
  test('holds a bounded number of bytes over all its parts', async () => {
    const gatherer = new Gatherer();
    let sent = 0;
    const outlet = { put: (bytes: Uint8Array) => Promise.resolve(void (sent += bytes.byteLength)) };
    const parts = Array.from({ length: 100 }, () => gatherer.part(outlet));
    const one = block('orders', [`{"name":"${'x'.repeat(200_000)}"}`]);
    for (const part of parts) await part.append(one, never);
    expect(100 * one.bytes.byteLength - sent).toBeLessThanOrEqual(8 * 1024 * 1024);
  });

  test('sends what came in one encoding before what comes in another, and none that its outlet does not take', async () => {
    const sent: string[] = [];
    const put = (
      bytes: Uint8Array,
      records: number,
      _: AbortSignal,
      encoding: Encoding,
    ): Promise<void> =>
      Promise.resolve(void sent.push(`${encoding} ${records} ${Buffer.from(bytes).toString()}`));
    const one = (encoding: Encoding, text: string): Block => ({
      ...block('orders', []),
      ...{ encoding, records: 1, bytes: new Uint8Array(Buffer.from(text)) },
    });
    const part = new Gatherer().part({ takes: ['pg-copy-text'], put });
    for (const text of ['a', 'b']) await part.append(one('jsonl', text), never);
    await part.append(one('pg-copy-text', 'c'), never);
    part.cover();
    await part.append(one('jsonl', 'd'), never);
    expect(await part.seal(never)).toBe(false);
    expect(sent).toEqual(['jsonl 2 ab', 'pg-copy-text 1 c']);
    const other = new Gatherer().part({ put });
    expect(await failure(other.append(one('pg-copy-text', 'c'), never))).toMatchObject({
      kind: 'system_error',
      facts: { encoding: 'pg-copy-text' },
    });
  });

  test('copies blocks, whose bytes are the caller’s again', async () => {
    let seen = '';
    const gatherer = new Gatherer();
    const part = gatherer.part({
      put: (bytes) => Promise.resolve(void (seen = Buffer.from(bytes).toString())),
    });
    const one = block('orders', ['{"id":1}']);
    const text = Buffer.from(one.bytes).toString();
    await part.append(one, never);
    one.bytes.fill(0);
    part.cover();
    await part.seal(never);
    expect(seen).toBe(text);
  });
});
