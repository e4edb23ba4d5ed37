import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parse } from 'yaml';
import { filesDestination, type FilesTargetConfig } from '../../../connectors/files/index.ts';
import { defaultTemplate } from '../../../connectors/kit/files/formats.ts';
import { templateOf, timeValues } from '../../../connectors/kit/files/template.ts';
import { partId, streamId, type Landing } from '../../../protocol/index.ts';
import { atTime } from '../../support/at-time.ts';
import { done, overwritten, replaceSuite } from '../conformance-replace.ts';
import {
  block,
  checkpoint,
  connection,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  type TextRow,
} from '../harness.ts';
import { createFiles, putFile, textOf, type FilesHarness } from './written.ts';

const byDate =
  '{namespace}/{stream}/date={year}-{month}-{day}/h={hour}/{sync}-{attempt}-{part}.{ext}';

let harness: FilesHarness;
let sessions: Sessions<FilesTargetConfig>;
const use = async (more: Partial<FilesTargetConfig> = {}): Promise<void> => {
  harness = await createFiles({ template: byDate, ...more });
  sessions = new Sessions(harness);
};
beforeEach(() => use());
afterEach(async () => {
  await sessions.close();
  await harness.drop();
});

const place = (name: string): string => join(harness.root, name);
/** The files of all manifests, as `listing` spells them. */
const named = (): string[] =>
  harness
    .manifests()
    .flatMap(({ streams }) => Object.values(streams))
    .flatMap(({ current }) => (current?.files ?? []).map(({ path }) => path))
    .sort();

replaceSuite({
  name: 'files below dates',
  create: () => createFiles({ template: byDate }),
  offers: { dedup: false, typed: false, tables: false },
});

describe('a template’s names', () => {
  test('of a time are UTC, and as long in January as in December', () => {
    expect(timeValues(Date.parse('2026-01-02T03:04:05.678+05:00'))).toEqual({
      ...{ year: '2026', month: '01', day: '01', hour: '22' },
    });
    expect(timeValues(Date.parse('2026-12-31T23:59:59.999Z'))).toEqual({
      ...{ year: '2026', month: '12', day: '31', hour: '23' },
    });
  });

  test.each(['{minute}', '{Year}', '{date}', '{}'])(
    '%s is refused, and told what there is',
    (unknown) => {
      const refused = (): unknown =>
        templateOf(`{stream}/d=${unknown}/{sync}-{attempt}-{part}.{ext}`);
      expect(refused).toThrow('The template for file names cannot be used.');
      expect(refused).toThrow(
        expect.objectContaining({
          ...{ kind: 'config_error', origin: 'destination' },
          place: expect.stringContaining(`${unknown} is no placeholder`) as string,
          remedy: expect.stringMatching(
            /\{stream\}.*\{year\}, \{month\}, \{day\}, \{hour\}/,
          ) as string,
        }),
      );
    },
  );

  test('that hide a field of a stream from those who read partitions are refused before anything is made', async () => {
    const template = '{stream}/DAY={day}/{sync}-{attempt}-{part}.{ext}';
    await use({ template });
    const error = await failure(sessions.open());
    expect([error.kind, error.stream, error.place]).toEqual([
      ...['config_error', 'orders', 'stream orders, field day, template …DAY=…'],
    ]);
    expect(error.remedy).toContain('loaded_DAY=');
    expect(() => harness.listing()).toThrow('ENOENT');
    const upper = stream('orders', 'append', {
      stream: { name: 'orders', json_schema: { properties: { Day: { type: 'string' } } } },
    });
    expect((await failure(sessions.open({ streams: [upper] }))).place).toContain('field Day');
    const landing: Landing = { only: ['id', 'name'] };
    await sessions.open({ streams: [stream('orders', 'append', { landing })] });
  });
});

describe('the date of a file', () => {
  const begun = '2025-12-31T23:59:59.999Z';
  const later = '2026-01-01T01:00:00.000Z';
  const path = 'orders/date=2025-12-31/h=23/1-1000-1.jsonl';

  test('is when its part was begun, also where it is filled and sealed later', async () => {
    const { loader } = await sessions.open();
    const part = await atTime(begun, () =>
      loader.part(streamId({ name: 'orders' }), partId(epoch(1), 1)),
    );
    const sealed = await atTime(later, async () => {
      await part.append(block('orders', ['{"id":1}']), never);
      part.cover();
      return part.seal();
    });
    await loader.commit([sealed], [checkpoint('orders', 1, 1)], never);
    expect(harness.listing()).toEqual([path]);
    expect(named()).toEqual([path]);
  });

  test('is the same when its commit failed half-way, or had succeeded, and is made again', async () => {
    const { loader, sealed } = await sessions.open();
    const part = await atTime(begun, () => sealed('orders', ['{"id":1}']));
    const draft = place(`_tidemark/staging/${connection.id}.json.new`);
    mkdirSync(draft);
    await failure(loader.commit([part], [checkpoint('orders', 1, 1)], never));
    expect(harness.listing()).toEqual([path]);
    rmSync(draft, { recursive: true });
    for (let n = 0; n < 2; n += 1) {
      await loader.commit([part], [checkpoint('orders', 1, 1)], never);
      expect(harness.listing()).toEqual([path]);
    }
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }]);
    expect(harness.staged()).toEqual([]);
  });

  test('of a dead writer’s file does not keep it from being swept, nor is somebody else’s file replaced there', async () => {
    const old = await sessions.open();
    const part = await atTime(begun, () => old.sealed('orders', ['{"id":1}']));
    mkdirSync(place(`_tidemark/staging/${connection.id}.json.new`));
    await failure(old.loader.commit([part], [checkpoint('orders', 1, 1)], never));
    rmSync(place(`_tidemark/staging/${connection.id}.json.new`), { recursive: true });
    const theirs = 'orders/date=2025-12-31/h=23/1-2000-2.jsonl';
    putFile(harness.root, theirs, 'theirs');
    const next = await sessions.open({ epoch: epoch(1, 2000) });
    expect(harness.listing()).toEqual([theirs]);
    const again = await atTime(begun, () => next.sealed('orders', ['{"id":1}']));
    const at = checkpoint('orders', 1, 1, { epoch: epoch(1, 2000) });
    const taken = await failure(next.loader.commit([again], [at], never));
    expect([taken.kind, taken.place]).toEqual(['config_error', place(theirs)]);
    expect(textOf(place(theirs))).toBe('theirs');
  });
});

test('two templates in the life of a connection: old files keep their names, and an overwrite begun under one is completed under the other', async () => {
  await use({ template: defaultTemplate });
  const first = await sessions.open({ streams: [overwritten(1)] });
  await first.load('orders', ['{"id":1}'], done(1));
  const second = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
  await second.load('orders', ['{"id":2}'], checkpoint('orders', 1, 1, { epoch: epoch(2) }));
  await sessions.close();
  const dated = { ...harness, config: { ...harness.config, template: byDate } };
  const after = new Sessions(dated);
  const third = await after.open({ streams: [overwritten(2)], epoch: epoch(2, 2000) });
  const part = await atTime('2026-11-26T22:00:00Z', () => third.sealed('orders', ['{"id":3}']));
  expect(harness.listing()).toEqual(['orders/1-1000-1.jsonl']);
  await third.loader.commit([part], [done(2, 2000)], never);
  expect(harness.listing()).toEqual(named());
  expect(named()).toEqual(['orders/2-1000-2.jsonl', 'orders/date=2026-11-26/h=22/2-2000-1.jsonl']);
  expect(await harness.query('SELECT id FROM orders ORDER BY id')).toEqual([
    { id: '2' },
    { id: '3' },
  ]);
  const fourth = await after.open({ streams: [overwritten(3)], epoch: epoch(3) });
  await atTime('2026-11-27T00:00:00Z', () => fourth.load('orders', ['{"id":4}'], done(3)));
  expect(harness.listing()).toEqual(['orders/date=2026-11-27/h=00/3-1000-2.jsonl']);
  expect(named()).toEqual(harness.listing());
  await after.close();
});

describe('the example of the documentation', () => {
  const page = readFileSync(new URL('../../../docs/connectors.md', import.meta.url), 'utf8');
  const section = page.slice(
    page.indexOf('\n#### Partitions by date\n'),
    page.indexOf('\n### S3\n'),
  );
  const [yaml] = [...section.matchAll(/```yaml\n([^`]*)```/g)].map(([, text]) => text!);
  const [pattern, manifest] = [...section.matchAll(/```sql\n([^`]*)```/g)].map(([, text]) => text!);
  const config = (parse(yaml!) as { destination: { config: FilesTargetConfig } }).destination
    .config;
  const inShop = stream('orders', 'append', {
    stream: {
      name: 'orders',
      namespace: 'shop',
      json_schema: { properties: { id: { type: 'integer' } } },
    },
  });

  /** What the last of the statements says, with the harness' places in them, every value as text. */
  async function ask(sql: string): Promise<readonly TextRow[]> {
    const here = sql
      .replaceAll('lake/', `${harness.root}/`)
      .replaceAll('<connection id>', connection.id);
    const statements = here.split(';').filter((one) => one.trim() !== '');
    const instance = await DuckDBInstance.create(':memory:');
    const handle = await instance.connect();
    try {
      for (const one of statements.slice(0, -1)) await handle.run(one);
      const all = await handle.runAndReadAll(
        `SELECT id, year, month, day, typeof(day) AS type FROM (${statements.at(-1)!}) ORDER BY id`,
      );
      return all.getRowObjectsJson() as TextRow[];
    } finally {
      handle.closeSync();
      instance.closeSync();
    }
  }

  test('is written and read as it says: by the pattern, and by what the manifest names', async () => {
    const { path: _, ...rest } = config;
    await use(rest);
    const { loader } = await sessions.open({ streams: [inShop] });
    const id = streamId(inShop.stream);
    const times = ['2026-10-31T23:59:59Z', '2026-11-01T00:00:00Z', '2026-11-26T12:00:00Z'];
    for (const [i, time] of times.entries()) {
      const part = await atTime(time, () => loader.part(id, partId(epoch(1), i + 1)));
      await part.append({ ...block('orders', [`{"id":${i}}`]), stream: id }, never);
      part.cover();
      await loader.commit([await part.seal()], [checkpoint(id, i + 1, i)], never);
    }
    expect(named()).toEqual([
      'shop/orders/year=2026/month=10/day=31/1-1000-1.parquet',
      'shop/orders/year=2026/month=11/day=01/1-1000-2.parquet',
      'shop/orders/year=2026/month=11/day=26/1-1000-3.parquet',
    ]);
    const row = (n: number, month: number, day: number): Record<string, string> => ({
      ...{ id: `${n}`, year: '2026', month: `${month}`, day: `${day}`, type: 'BIGINT' },
    });
    expect(await ask(pattern!)).toEqual([row(1, 11, 1), row(2, 11, 26)]);
    // A file that the manifest does not name, as a crash leaves it.
    mkdirSync(place('shop/orders/year=2026/month=11/day=02'));
    putFile(
      harness.root,
      'shop/orders/year=2026/month=11/day=02/1-2000-1.parquet',
      'no Parquet: whoever opened it would fail',
    );
    expect(await ask(manifest!)).toEqual([row(0, 10, 31), row(1, 11, 1), row(2, 11, 26)]);
  });

  test('passes check', async () => {
    await filesDestination.check({ ...config, path: harness.root }, never);
  });
});
