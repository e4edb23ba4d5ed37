import { openCluster, type Cluster } from '../support/cluster.ts';
import { giveData } from '../support/exact-source.ts';
import { valueCases } from '../values/cases.ts';
import { outcomesOf } from '../values/found.ts';
import type { Arrived, ArrivedRow } from '../values/judge.ts';
import { layOutApart, recordOf, schemaOf } from '../values/layout.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = await openCluster({ target: 'postgres' });
});
afterEach(() => cluster.close());

test('hard values come through workers and Temporal as they do without them', async () => {
  const stream = layOutApart('hard', valueCases);
  const records = stream.cases.map(recordOf);
  const applied = await cluster.connection({ source: { streams: [stream.name], stateEvery: 50 } });
  giveData(applied.directory, stream.name, { schema: schemaOf(stream), records });
  await cluster.worker();
  const summary = await (await cluster.client.startSync(applied.name)).result();
  expect(summary).toMatchObject({ outcome: 'succeeded', records: records.length });

  const columns = [...['case', '_airbyte_meta'], ...stream.cases.map(({ field }) => field)].map(
    (column) => `"${column}"::text`,
  );
  const rows = await cluster.target.database!.query<Record<string, string | null>>(
    `SELECT ${columns.join(', ')} FROM ${stream.name}`,
  );
  expect(rows).toHaveLength(records.length);
  const given = new Map(stream.cases.map((one) => [one.name, one]));
  const outcomes = await outcomesOf(
    stream,
    { given: (_, name) => given.get(name) },
    { rows: () => Promise.resolve(rows.map(textsOf)) },
  );
  const counts = [...outcomes.values()].reduce<Record<string, number>>(
    (all, outcome) => ({ ...all, [outcome]: (all[outcome] ?? 0) + 1 }),
    {},
  );
  expect(Object.keys(counts).sort()).toEqual(['cut, told', 'equal', 'null, counted']);
  expect(summary.streams.map(({ nulled }) => nulled)).toEqual([counts['null, counted']]);
});

const textsOf = (row: Readonly<Record<string, string | null>>): ArrivedRow =>
  new Map(
    Object.entries(row).map(([column, text]): [string, Arrived] => [
      column,
      text === null ? null : { as: 'text', text },
    ]),
  );
