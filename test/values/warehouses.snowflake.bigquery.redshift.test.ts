import { createBigQuery } from '../connectors/bigquery-harness.ts';
import { checkpoint, Sessions, stream } from '../connectors/harness.ts';
import type { CaseSource } from './case-source.ts';
import { valueCases } from './cases.ts';
import { expectPage, renew, warehousesPage } from './pages.ts';
import { all, createRig, exact } from './rig.ts';
import { documentOf } from './table.ts';
import { warehouses } from './warehouses.ts';

const { found, make, compare, compareAgain } = createRig(warehouses);

// What comes as text, and what comes with types of its own.
describe.each([exact, 'Postgres'])('from %s', (from) => {
  let source: CaseSource;
  beforeAll(async () => {
    source = await make(from, all);
  });

  test.each(Object.keys(warehouses))(
    'every value arrives in %s equal, or as NULL with a counted entry, in a column that is its own, and stays so',
    async (to) => {
      const target = await compare(from, source, to);
      if (from === exact) await compareAgain(to, target);
    },
  );
});

test('a field of BigQuery may be called as its table, be its key, and become wider', async () => {
  const harness = await createBigQuery();
  const sessions = new Sessions(harness);
  const properties = { last: { type: 'number' }, staged: { type: 'string' } };
  const json_schema = { type: 'object', properties };
  const key = { stream: { name: 'last', json_schema }, primary_key: [['last']] };
  try {
    const { load } = await sessions.open({ streams: [stream('last', 'append_dedup', key)] });
    await load('last', ['{"last":1,"staged":"a"}'], checkpoint('last', 1, 1));
    const more = ['{"last":1,"staged":"b"}', '{"last":0.12345678901234567891,"staged":"c"}'];
    await load('last', more, checkpoint('last', 2, 3));
    const sql = `SELECT t.last, t.staged FROM "${harness.schema}".last AS t ORDER BY staged`;
    expect(await harness.query(sql)).toEqual([
      { last: '1', staged: 'b' },
      { last: '0.12345678901234567891', staged: 'c' },
    ]);
  } finally {
    await sessions.close();
    await harness.drop();
  }
});

test(`docs/values-warehouses.md is what was found (to renew it: ${renew})`, () => {
  expectPage('values-warehouses.md', documentOf(warehousesPage, found, valueCases));
});
