import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { duckdbDestination } from '../../../connectors/duckdb/index.ts';
import { filesSource, type FilesConfig } from '../../../connectors/files/index.ts';
import { fromLoader } from '../../../engine/writer.ts';
import {
  statesForSource,
  type Checkpoint,
  type Item,
  type StateMessage,
} from '../../../protocol/index.ts';
import { connection } from '../harness.ts';
import { configured, never, openPlace, type Place } from './place.ts';

let place: Place;
let database: string;
beforeEach(() => {
  place = openPlace();
  database = mkdtempSync(join(tmpdir(), 'tidemark-files-duckdb-'));
});
afterEach(() => {
  place.drop();
  rmSync(database, { recursive: true });
});

/** One sync from files into DuckDB, ended by a broken source after so many items. */
async function sync(
  config: FilesConfig,
  syncNo: number,
  from: readonly Checkpoint[],
  itemsMax = Infinity,
): Promise<readonly Checkpoint[]> {
  const catalog = configured(await filesSource.discover(config, never), 'incremental');
  const writer = await fromLoader(duckdbDestination).open({
    config: { path: join(database, 'x.duckdb') },
    ...{ connection, catalog, epoch: { syncNo, at: Date.now() }, from, adopt: false, rowsMin: 0 },
    permit: () => Promise.resolve(),
    cadence: { batchBytesMax: 1, intervalMsMin: 0, intervalMsMax: 1_000 },
    ...{ drain: never, abort: never },
  });
  const checkpoints = writer.held ?? [];
  const state: readonly StateMessage[] = statesForSource({
    ...{ checkpoints, syncNo, fullRefresh: new Set() },
  });
  const items = filesSource.read({
    ...{ config, catalog, state, accepts: () => ['jsonl'], drain: never, abort: never },
    checkpoints: { async *[Symbol.asyncIterator]() {} },
  });
  const echoed: Checkpoint[] = [];
  try {
    for await (const { checkpoint } of writer.write(cut(items, itemsMax))) echoed.push(checkpoint);
  } finally {
    await writer.close();
  }
  return echoed;
}

async function* cut(items: AsyncIterable<Item>, max: number): AsyncGenerator<Item> {
  let n = 0;
  for await (const item of items) {
    if ((n += 1) > max) throw new Error('The source died.');
    yield item;
  }
}

async function query(sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(join(database, 'x.duckdb'));
  const handle = await instance.connect();
  const result = await handle.runAndReadAll(sql);
  handle.closeSync();
  instance.closeSync();
  return result.getRowsJson();
}

test('exact values arrive in typed columns, each record once though every attempt is cut short', async () => {
  const rows = 2_000;
  const csv = Array.from(
    { length: rows },
    (_, i) =>
      `${i},${9_007_199_254_740_993n + BigInt(i)},${i}.12345678901234567890,2024-01-31,"a ""b""\n${i}"\n`,
  );
  place.write('orders-1.csv', `id,big,price,day,note\n${csv.slice(0, 900).join('')}`, 1);
  place.write('orders-2.csv', `id,big,price,day,note\n${csv.slice(900).join('')}`, 2);
  const config = { path: place.path, checkpoint_records: 150 };
  let attempts = 0;
  for (const max of [7, 6, 5, 6, Infinity]) {
    attempts += 1;
    const ended = sync(config, 1, [], max);
    if (max === Infinity) await ended;
    else await expect(ended).rejects.toThrow('The source died.');
  }
  expect(attempts).toBe(5);
  expect(
    await query(
      'SELECT count(*)::INT, count(DISTINCT id)::INT, min(id)::INT, max(id)::INT FROM orders',
    ),
  ).toEqual([[rows, rows, 0, rows - 1]]);
  expect(
    await query(
      `SELECT typeof(big), big::VARCHAR, rtrim(price::VARCHAR, '0'), typeof(day), note, _ab_source_file_url FROM orders WHERE id = 1234`,
    ),
  ).toEqual([
    [
      'BIGINT',
      '9007199254742227',
      '1234.1234567890123456789',
      'DATE',
      'a "b"\n1234',
      'orders-2.csv',
    ],
  ]);

  place.write('orders-3.csv', 'id,big,price,day,note\n5000,1,1,,\n', 3);
  const second = await sync(config, 2, []);
  expect(second.at(-1)!.records).toBe(1);
  expect(await query('SELECT count(*)::INT FROM orders')).toEqual([[rows + 1]]);
});
