import { columnsOf } from '../../connectors/kit/columns.ts';
import { postgresSource } from '../../connectors/postgres/index.ts';
import type { JsonObject } from '../../protocol/index.ts';
import { never } from './harness.ts';
import { integer, ownTypes, postgresTypes as types } from './postgres-types.ts';
import { openPostgresPlace, type PostgresPlace } from './postgres-source-harness.ts';

let place: PostgresPlace;
beforeAll(async () => {
  place = await openPostgresPlace();
});
afterAll(() => place.database.drop());

test('every type: what is offered of it, and the very text of its values', async () => {
  for (const statement of ownTypes) await place.sql(statement);
  const cells = types.flatMap(([, , values], i) =>
    values.map(([value, text]) => ({ column: `c${i}`, value, text })),
  );
  await place.sql(
    `CREATE TABLE t (n int, ${types.map(([type], i) => `c${i} ${type}`).join(', ')})`,
  );
  for (const [n, { column, value }] of cells.entries())
    await place.sql(`INSERT INTO t (n, ${column}) VALUES (${n}, ${value})`);

  const { streams } = await postgresSource.discover(place.config, never);
  const { n, ...properties } = streams[0]!.json_schema['properties'] as Record<string, JsonObject>;
  expect(n).toEqual(integer);
  expect(properties).toEqual(Object.fromEntries(types.map(([, schema], i) => [`c${i}`, schema])));
  // What destinations make of a schema that names several types.
  expect(columnsOf({ properties }).get(`c${types.findIndex(([type]) => type === 'jsonb')}`)).toBe(
    'json',
  );

  const { records, end } = await place.read();
  expect(end!.failure).toBeNull();
  const nulls = types.map((_, i) => `"c${i}":null`);
  const expected = cells.map(
    ({ column, text }, i) =>
      `{"n":${i},${nulls.map((one) => (one === `"${column}":null` ? `"${column}":${text}` : one)).join(',')}}`,
  );
  expect(records).toEqual(expected);
});
