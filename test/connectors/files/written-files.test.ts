import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { ZstdDecoder } from '../../../connectors/kit/files-source/zstd.ts';
import { filesDestination, type FilesTargetConfig } from '../../../connectors/files/index.ts';
import { partId, streamId, type Landing } from '../../../protocol/index.ts';
import { done, overwritten } from '../conformance-replace.ts';
import {
  block,
  checkpoint,
  connection,
  epoch,
  failure,
  never,
  rawBlock,
  Sessions,
  stream,
} from '../harness.ts';
import { createFiles, putFile, textOf, type FilesHarness } from './written.ts';

let harness: FilesHarness;
let sessions: Sessions<FilesTargetConfig>;
const use = async (more: Partial<FilesTargetConfig> = {}): Promise<void> => {
  harness = await createFiles(more);
  sessions = new Sessions(harness);
};
beforeEach(() => use());
afterEach(async () => {
  await sessions.close();
  await harness.drop();
});

const place = (name: string): string => join(harness.root, name);
const text = (name: string): string => textOf(place(name));
/** The files of all manifests, as `listing` spells them. */
const named = (): string[] =>
  harness
    .manifests()
    .flatMap(({ streams }) => Object.values(streams))
    .flatMap(({ current }) => (current?.files ?? []).map(({ path }) => path))
    .sort();
const plain = (id: string): string => id.replace(/"[0-9a-f]{8}-[0-9a-f-]{27}"/g, '"uuid"');

describe('JSONL', () => {
  test('keeps what the source sent byte by byte, and the order', async () => {
    const { load } = await sessions.open();
    const sent = [
      '{"price": 1.50e1 , "big":12345678901234567890.123456789012345678,"name":"\\u00e9 ü"}',
      '{}',
      '{"a":{"b":[1.0]},"id":2}',
    ];
    await load('orders', sent, checkpoint('orders', 1, 1));
    expect(harness.listing()).toEqual(['orders/1-1000-1.jsonl']);
    const stamps =
      '"_airbyte_raw_id":"uuid","_airbyte_extracted_at":"2023-11-14T22:13:20.123Z","_airbyte_meta":{"sync_id":7,"changes":[]},"_airbyte_generation_id":3}\n';
    expect(plain(text('orders/1-1000-1.jsonl'))).toBe(
      [
        `${sent[0]!.slice(0, -1)},${stamps}`,
        `{${stamps}`,
        `${sent[2]!.slice(0, -1)},${stamps}`,
      ].join(''),
    );
    const manifest = harness.manifests()[0]!;
    // Other people's programs read it.
    expect(Object.keys(manifest)).toEqual([
      ...['version', 'connection', 'fence', 'checkpoints', 'streams'],
    ]);
    expect(manifest).toMatchObject({ version: 1, connection, fence: epoch(1) });
    const { current, ...entry } = manifest.streams[streamId({ name: 'orders' })]!;
    expect(entry).toEqual({ namespace: '', name: 'orders', next: null });
    expect(Object.keys(current!)).toEqual(['generation', 'columns', 'files']);
    expect(current!.files[0]).toEqual({
      ...{ path: 'orders/1-1000-1.jsonl', rows: 3, generation: 3 },
      bytes: statSync(place('orders/1-1000-1.jsonl')).size,
    });
  });

  test('what no reader takes is null, with an entry beside the source’s own, counted', async () => {
    const { loader } = await sessions.open();
    const part = await loader.part(streamId({ name: 'orders' }), partId(epoch(1), 1));
    const own = '{"field":"n","change":"TRUNCATED","reason":"SOURCE_RECORD_SIZE_LIMITATION"}';
    await part.append(
      rawBlock('orders', [
        `{"type":"RECORD","record":{"stream":"orders","data":{"id":1.00,"price":NaN,"name":"\\ud800"},"emitted_at":1,"meta":{"changes":[${own}]}}}\n`,
        '{"type":"RECORD","record":{"stream":"orders","data":{"id" : 2,"name":"NaNcy \\ud83d\\ude00"},"emitted_at":1}}\n',
        '{"type":"RECORD","record":{"stream":"orders","data":{"price":1e999999},"emitted_at":null}}\n',
      ]),
      never,
    );
    part.cover();
    const receipt = await loader.commit([await part.seal()], [checkpoint('orders', 1, 1)], never);
    expect(receipt).toEqual({ rows: { orders: 3 }, nulled: { orders: 3 } });
    const lines = text('orders/1-1000-1.jsonl').trim().split('\n');
    expect(lines[0]).toContain('{"id":1.00,"price":null,"name":null,');
    const nulled = (field: string) => ({
      ...{ field, change: 'NULLED', reason: 'DESTINATION_TYPECAST_ERROR' },
    });
    const changesOf = (line: string): unknown =>
      (JSON.parse(line) as { _airbyte_meta: { changes: unknown } })._airbyte_meta.changes;
    expect(changesOf(lines[0]!)).toEqual([JSON.parse(own), nulled('price'), nulled('name')]);
    // Only looked suspicious: it stays as it was.
    expect(lines[1]).toContain('{"id" : 2,"name":"NaNcy \\ud83d\\ude00",');
    expect(changesOf(lines[1]!)).toEqual([]);
    expect(lines[2]).toContain('"_airbyte_extracted_at":null');
  });

  test('a field called as one of Airbyte’s columns goes by another name', async () => {
    const { load } = await sessions.open();
    await load('orders', ['{"id":1,"_airbyte_meta":1.0}'], checkpoint('orders', 1, 1));
    expect(text('orders/1-1000-1.jsonl')).toMatch(/^\{"id":1,"_airbyte_meta_[0-9a-f]{8}":1\.0,/);
  });

  test.each([
    ['gzip', 'gz'],
    ['zstd', 'zst'],
  ] as const)('%s: other programs read it', async (compression, ending) => {
    await use({ compression });
    const { load } = await sessions.open();
    await load('orders', ['{"id":1,"name":"ü"}', '{"id":2}'], checkpoint('orders', 1, 1));
    expect(harness.listing()).toEqual([`orders/1-1000-1.jsonl.${ending}`]);
    const instance = await DuckDBInstance.create(':memory:');
    const asked = await instance.connect();
    const found = await asked.runAndReadAll(
      `SELECT id, name, _airbyte_generation_id AS g FROM read_json_auto('${place(`orders/*.jsonl.${ending}`)}')`,
    );
    expect(found.getRowObjectsJson()).toEqual([
      { id: '1', name: 'ü', g: '3' },
      { id: '2', name: null, g: '3' },
    ]);
    asked.closeSync();
    instance.closeSync();
  });
});

describe('CSV', () => {
  beforeEach(() => use({ format: 'csv' }));
  const small = (properties: readonly string[]) =>
    stream('orders', 'append', {
      stream: {
        name: 'orders',
        json_schema: { properties: Object.fromEntries(properties.map((name) => [name, {}])) },
      },
    });

  test('quotes what needs it, tells null from empty, and writes nested values as JSON', async () => {
    const { load } = await sessions.open({ streams: [small(['id', 'a,"b'])] });
    await load(
      'orders',
      [
        '{"id":1.50,"a,\\"b":"x"}',
        '{"id":null,"a,\\"b":""}',
        '{"a,\\"b":"say \\"hi\\"\\n, \\u00e9 \\ud83d\\ude00","id":true}',
        '{"id":{"k":[1.0,"ü"]},"a,\\"b":" padded"}',
      ],
      checkpoint('orders', 1, 1),
    );
    const stamp = '"uuid",2023-11-14T22:13:20.123Z,"{""sync_id"":7,""changes"":[]}",3\n';
    const stamped = text('orders/1-1000-1.csv').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '"uuid"');
    expect(stamped).toBe(
      'id,"a,""b",_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id\n' +
        `1.50,x,${stamp},"",${stamp}true,"say ""hi""\n, é 😀",${stamp}"{""k"":[1.0,""ü""]}"," padded",${stamp}`,
    );
  });

  test('a new column widens the header of its own file and of later ones', async () => {
    const airbyte = '_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id';
    const { load } = await sessions.open({ streams: [small(['id'])] });
    await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    await load(
      'orders',
      ['{"id":2,"nothing":null}', '{"id":3,"more":0}'],
      checkpoint('orders', 2, 2),
    );
    const again = await sessions.open({ epoch: epoch(2), streams: [small(['id'])] });
    await again.load('orders', ['{"id":4}'], checkpoint('orders', 1, 3, { epoch: epoch(2) }));
    const headers = harness.listing().map((name) => text(name).split('\n')[0]);
    expect(headers).toEqual([`id,${airbyte}`, `id,more,${airbyte}`, `id,more,${airbyte}`]);
    const { current } = harness.manifests()[0]!.streams[streamId({ name: 'orders' })]!;
    expect(current!.columns).toEqual(['id', ...airbyte.split(','), 'more']);
    expect(current!.files.map(({ columns }) => columns!.join(','))).toEqual(headers);
    expect(await harness.query('SELECT id, more FROM orders ORDER BY id')).toEqual([
      { id: '1', more: null },
      { id: '2', more: null },
      { id: '3', more: '0' },
      { id: '4', more: null },
    ]);
  });

  test('more different fields than columns are allowed are refused', async () => {
    const { sealed } = await sessions.open();
    const wide = Array.from({ length: 1_100 }, (_, i) => `"k${i}":1`).join(',');
    const error = await failure(sealed('orders', [`{${wide}}`]));
    expect([error.kind, error.message]).toEqual([
      'config_error',
      'The stream has too many different fields.',
    ]);
  });
});

describe('names', () => {
  const long = 'n'.repeat(300);
  const hard = [
    ...[
      'a/b',
      'a%2Fb',
      '..',
      '.',
      '.hidden',
      'x\0y',
      'xy\0',
      'xy',
      long,
      `${long}2`,
      'orders',
      'Orders',
    ],
    ...['ORDERS', '\u00e9', 'e\u0301', '_tidemark', '_TIDEMARK', 'con', '', ' ', 'a\\b', 'end.'],
  ];

  test.each(['stream', 'namespace'])(
    'whatever a %s is called: its files lie inside, apart, and under the same name again',
    async (what) => {
      const streams = hard.map((name) => {
        const stream_ = { json_schema: {}, ...{ name: what === 'stream' ? name : 's' } };
        return stream('x', 'append', {
          stream: { ...stream_, ...(what === 'namespace' && { namespace: name }) },
        });
      });
      for (const [n, order] of [streams, streams.toReversed()].entries()) {
        const at = epoch(n + 1);
        const { loader } = await sessions.open({ streams: order, epoch: at });
        for (const [i, one] of streams.entries()) {
          const id = streamId(one.stream);
          const part = await loader.part(id, partId(at, i + 1));
          await part.append({ ...block('x', [`{"at":${i}}`]), stream: id }, never);
          part.cover();
          const made = checkpoint(id, 1, i, { epoch: at });
          await loader.commit([await part.seal()], [made], never);
        }
      }
      expect(harness.listing()).toEqual(named());
      const directories = named().map((path) => path.slice(0, path.lastIndexOf('/')));
      expect(directories).toHaveLength(2 * hard.length);
      // Told apart where case and Unicode's spellings are not.
      const folded = directories.map((name) => name.normalize('NFC').toLowerCase());
      expect(new Set(folded).size).toBe(hard.length);
      for (const [i, one] of streams.entries()) {
        const { files } = harness.manifests()[0]!.streams[streamId(one.stream)]!.current!;
        for (const { path } of files) {
          expect(text(path)).toMatch(new RegExp(`^\\{"at":${i},`));
          for (const part of path.split('/')) {
            expect(part).toMatch(/^[\w%-][\w%.-]*$/);
            expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255);
          }
        }
      }
    },
    30_000,
  );

  test.each([
    ['', 'missing'],
    ['{stream}/{sync}-{attempt}.{ext}', '{part} is missing'],
    ['{stream}/{sync}-{attempt}-{part}', '{ext} is missing'],
    ['{stream}/{sync}-{attempt}-{part}.{ext}.x', 'does not end in .{ext}'],
    ['{stream}/{sync}-{attempt}-{part}-{minute}.{ext}', '{minute} is no placeholder'],
    ['/{stream}/{sync}-{attempt}-{part}.{ext}', 'empty or hidden'],
    ['../{stream}/{sync}-{attempt}-{part}.{ext}', 'empty or hidden'],
    ['{stream}//{sync}-{attempt}-{part}.{ext}', 'empty or hidden'],
    ['.x/{stream}/{sync}-{attempt}-{part}.{ext}', 'empty or hidden'],
    ['_Tidemark/{stream}/{sync}-{attempt}-{part}.{ext}', 'Tidemark’s own'],
    ['{stream}/{sync} {attempt}-{part}.{ext}', 'not allowed'],
    ['{stream}/{sync}}-{attempt}-{part}.{ext}', 'not allowed'],
    ['{stream}\\{sync}-{attempt}-{part}.{ext}', 'not allowed'],
  ])('the template %s is refused: %s', async (template, why) => {
    const loader = filesDestination.loader({ path: harness.root, template });
    const input = { connection, catalog: { streams: [] }, epoch: epoch(1), from: [], adopt: false };
    const error = await failure(loader.open({ ...input, rowsMin: 0, abort: never }));
    expect([error.kind, error.origin]).toEqual(['config_error', 'destination']);
    expect(error.place).toContain(why);
    expect(error.remedy).toContain('{attempt}');
  });

  test('a template of one’s own; without {namespace} two namespaces’ streams of one name are refused', async () => {
    await use({ template: 'lake/g{generation}/{stream}-{sync}-{attempt}-{part}.{ext}' });
    const { load } = await sessions.open();
    await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    expect(harness.listing()).toEqual(['lake/g3/orders-1-1000-1.jsonl']);
    const twin = stream('orders', 'append', {
      stream: { name: 'Orders', namespace: 'b', json_schema: {} },
    });
    const error = await failure(
      sessions.open({ epoch: epoch(2), streams: [stream('orders'), twin] }),
    );
    expect([error.kind, error.stream]).toEqual(['config_error', 'b/Orders']);
    expect(error.remedy).toContain('{namespace}');
  });

  test('nothing is written through a symbolic link that leads out, nor over somebody else’s file', async () => {
    const { sealed, loader } = await sessions.open();
    symlinkSync('/tmp', place('orders'));
    const out = await sealed('orders', ['{"id":1}']);
    const error = await failure(loader.commit([out], [checkpoint('orders', 1, 1)], never));
    expect([error.kind, error.message]).toEqual([
      'config_error',
      'A path leads out of the directory of the destination.',
    ]);
    rmSync(place('orders'));
    putFile(harness.root, 'orders/1-1000-1.jsonl', 'theirs');
    const taken = await failure(loader.commit([out], [checkpoint('orders', 1, 1)], never));
    expect([taken.kind, taken.place]).toEqual(['config_error', place('orders/1-1000-1.jsonl')]);
    await sessions.open({ epoch: epoch(2) });
    expect(text('orders/1-1000-1.jsonl')).toBe('theirs');
  });
});

test('frozen columns are refused', async () => {
  const landing: Landing = { frozen: true };
  const refused = await failure(
    sessions.open({ streams: [stream('orders', 'append', { landing })] }),
  );
  expect([refused.kind, refused.stream]).toEqual(['config_error', 'orders']);
  expect(refused.remedy).toContain('schema_changes');
});

test.each(['jsonl', 'csv', 'parquet'] as const)(
  'of a stream whose columns were chosen the others are left out, whatever they hold (%s)',
  async (format) => {
    const files = await createFiles({ format });
    const own = new Sessions(files);
    try {
      const properties = { id: { type: 'integer' }, name: { type: 'string' } };
      const chosen = stream('orders', 'append', {
        stream: { name: 'orders', json_schema: { type: 'object', properties } },
        landing: { only: ['id', 'name', 'é'] },
      });
      const { load } = await own.open({ streams: [chosen] });
      const receipt = await load(
        'orders',
        [
          '{"price":"\\ud800","name":"ü","id":12345678901234567890.50}',
          '{"id":2,"new":NaN,"\\u00e9":[1.5],"_ab_cdc_lsn":7}',
        ],
        checkpoint('orders', 1, 1),
      );
      expect(receipt).toEqual({
        rows: { orders: 2 },
        nulled: { orders: format === 'parquet' ? 1 : 0 },
      });
      const found = await files.query('SELECT * FROM main.orders ORDER BY name NULLS LAST');
      const fields = Object.keys(found[0]!).filter((name) => !name.startsWith('_airbyte_'));
      expect(fields.sort()).toEqual(['_ab_cdc_lsn', 'id', 'name', 'é']);
      expect(found.map((row) => [row['name'], row['é']])).toEqual([
        ['ü', null],
        [null, '[1.5]'],
      ]);
      const broken = await failure(
        own.open({ epoch: epoch(2), streams: [chosen] }).then(async (next) => {
          await next.sealed('orders', ['{"id":1']);
        }),
      );
      expect([broken.origin, broken.stream]).toEqual(['source', 'orders']);
    } finally {
      await own.close();
      await files.drop();
    }
  },
);

test('append_dedup, unknown formats and compressions are refused, and the remedy says what to do', async () => {
  const dedup = await failure(sessions.open({ streams: [stream('orders', 'append_dedup')] }));
  expect([dedup.kind, dedup.stream]).toEqual(['config_error', 'orders']);
  expect(dedup.remedy).toMatch(/append.*overwrite/);
  const refused = async (more: Partial<FilesTargetConfig>): Promise<unknown> => {
    const error = await failure(filesDestination.check({ path: harness.root, ...more }, never));
    return [error.kind, error.place, error.remedy];
  };
  expect(await refused({ format: 'avro' as 'csv' })).toEqual([
    ...['config_error', 'format avro', 'Set format to jsonl, csv or parquet.'],
  ]);
  expect(await refused({ format: 'parquet', compression: 'gzip' })).toEqual([
    'config_error',
    'format parquet, compression gzip',
    'Set compression to zstd, snappy or none.',
  ]);
});

test('zstd: many frames, and records larger than one, are read back by our source’s decoder, byte by byte', async () => {
  const rows = ['a', 'é"\n', 'x'].map(
    (c, i) => `{"id":${i},"name":${JSON.stringify(c.repeat(2_000_000))}}`,
  );
  await use({ compression: 'zstd' });
  const { load } = await sessions.open();
  await load('orders', rows, checkpoint('orders', 1, 1));
  const bytes = readFileSync(place('orders/1-1000-1.jsonl.zst'));
  const decoder = new ZstdDecoder();
  const text = Buffer.concat([...decoder.decode(bytes, true)]).toString();
  expect(bytes.length).toBeLessThan(text.length / 100);
  const lines = text.trimEnd().split('\n');
  expect(lines.map((line) => line.slice(0, line.indexOf(',"_airbyte_')))).toEqual(
    rows.map((row) => row.slice(0, -1)),
  );
});

describe('after a crash', () => {
  /** Where the manifest is drafted: while a directory stands there, commits end between files and manifest, as a crash would. */
  const draft = (): string => place(`_tidemark/staging/${connection.id}.json.new`);
  const broken = (): void => mkdirSync(draft());
  const mended = (): void => rmSync(draft(), { recursive: true });
  const both = { streams: [stream('orders'), stream('people')] };

  test('files that no manifest names are swept by the next open, and their rows are there once', async () => {
    const old = await sessions.open(both);
    await old.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
    const parts = [
      await old.sealed('orders', ['{"id":2}']),
      await old.sealed('people', ['{"id":3}']),
    ];
    broken();
    await failure(old.loader.commit(parts, [checkpoint('orders', 2, 2)], never));
    mended();
    // Those who list see more than those who read the manifest.
    expect(harness.listing()).toHaveLength(3);
    expect(named()).toEqual(['orders/1-1000-1.jsonl']);
    putFile(harness.root, 'orders/9-9-9.jsonl', 'somebody else’s');
    const next = await sessions.open({ ...both, epoch: epoch(1, 2000) });
    expect(next.held).toEqual([checkpoint('orders', 1, 1)]);
    expect(harness.listing()).toEqual(['orders/1-1000-1.jsonl', 'orders/9-9-9.jsonl']);
    expect(harness.staged()).toEqual([]);
    await next.load('orders', ['{"id":2}'], checkpoint('orders', 1, 2, { epoch: epoch(1, 2000) }));
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }, { id: '2' }]);
    // Its writer wakes up.
    expect(
      (await failure(old.loader.commit(parts, [checkpoint('orders', 2, 2)], never))).code,
    ).toBe('fenced');
    expect(named()).toHaveLength(2);
  });

  test('the same commit succeeds when it is repeated, also when it had succeeded', async () => {
    const { loader, sealed } = await sessions.open();
    const part = await sealed('orders', ['{"id":1}']);
    broken();
    expect((await failure(loader.commit([part], [checkpoint('orders', 1, 1)], never))).origin).toBe(
      'destination',
    );
    mended();
    for (let n = 0; n < 2; n += 1) {
      const receipt = await loader.commit([part], [checkpoint('orders', 1, 1)], never);
      expect(receipt.rows).toEqual({ orders: 1 });
    }
    expect(harness.listing()).toEqual(named());
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }]);
    expect(harness.staged()).toEqual([]);
  });

  test('in the middle of a publication the old generation stays, and the new one is not lost', async () => {
    const first = await sessions.open({ streams: [overwritten(1)] });
    await first.load('orders', ['{"id":1}'], done(1));
    const second = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2) });
    await second.load('orders', ['{"id":2}'], checkpoint('orders', 1, 1, { epoch: epoch(2) }));
    expect(harness.staged()).toHaveLength(1);
    broken();
    await failure(second.load('orders', ['{"id":3}'], done(2)));
    mended();
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }]);
    const at = epoch(2, 2000);
    const third = await sessions.open({ streams: [overwritten(2)], epoch: at });
    expect(harness.listing()).toEqual(named());
    await third.load('orders', ['{"id":3}'], done(2, 2000));
    expect(await harness.query('SELECT id FROM orders ORDER BY id')).toEqual([
      { id: '2' },
      { id: '3' },
    ]);
    expect(harness.listing()).toEqual(named());
    expect(harness.staged()).toEqual([]);
  });

  test('what another connection took over is not swept by the one that had it', async () => {
    const old = await sessions.open();
    const part = await old.sealed('orders', ['{"id":1}']);
    // It dies between manifest and tidying up: the intent stays.
    broken();
    await failure(old.loader.commit([part], [checkpoint('orders', 1, 1)], never));
    mended();
    const intent = harness.staged().find((name) => name.endsWith('.intent'))!;
    const left = readFileSync(place(`_tidemark/staging/${intent}`), 'utf8');
    await old.loader.commit([part], [checkpoint('orders', 1, 1)], never);
    putFile(harness.root, `_tidemark/staging/${intent}`, left);
    const other = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
    await sessions.open({ connection: other, adopt: true });
    await sessions.open({ epoch: epoch(2), streams: [stream('people')] });
    expect(harness.listing()).toEqual(['orders/1-1000-1.jsonl']);
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }]);
  });

  test('a manifest that cannot be understood is a config error that names it', async () => {
    await sessions.open();
    putFile(harness.root, `_tidemark/${connection.id}.json`, '{"version":1,"chec');
    const error = await failure(sessions.open({ epoch: epoch(2) }));
    expect([error.kind, error.place]).toEqual([
      'config_error',
      place(`_tidemark/${connection.id}.json`),
    ]);
  });
});
