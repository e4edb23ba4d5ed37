import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { openFile } from '../../../connectors/files/source/open-file.ts';
import type { StreamConfig } from '../../../connectors/kit/files-source/config.ts';
import { filesSource, type FilesConfig } from '../../../connectors/files/index.ts';
import {
  compress,
  failureOf,
  never,
  openPlace,
  read,
  refusalOf,
  values,
  type Place,
} from './place.ts';

let place: Place;
beforeEach(() => {
  place = openPlace();
});
afterEach(() => place.drop());

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly stream?: Partial<StreamConfig>;
  readonly kind?: 'config_error' | 'transient_error';
  readonly message: string;
  /** Of the place and the remedy. */
  readonly place: string;
  readonly remedy: string;
}

const cases: readonly Case[] = [
  {
    name: 'a wrong delimiter',
    files: { 'a.csv': 'id;name\n1;x\n' },
    stream: { csv: { delimiter: ',' } },
    message: 'A CSV file seems to have another delimiter.',
    place: 'a.csv:1: with ";" each row has 2 cells; the delimiter is ","',
    remedy: 'set delimiter: ";" in csv of stream broken, under streams in the source’s config',
  },
  {
    name: 'a wrong delimiter of a header alone',
    files: { 'a.csv': 'id;name\n' },
    stream: { csv: { delimiter: ',' } },
    message: 'A CSV file seems to have another delimiter.',
    place: 'a.csv:1: one column, whose name holds ";"; the delimiter is ","',
    remedy: 'set delimiter: ";"',
  },
  {
    name: 'a wrong delimiter that the header holds too',
    files: { 'a.csv': 'id|name, first|x\n1|a|b\n2|c, d|e\n' },
    stream: { csv: { delimiter: ',' } },
    message: 'A CSV file seems to have another delimiter.',
    place: 'a.csv:1: with "|" each row has 3 cells; the delimiter is ","',
    remedy: 'set delimiter: "|" in csv of stream broken',
  },
  {
    name: 'a wrong delimiter of rows without a header',
    files: { 'a.csv': '1;x\n2;y\n' },
    stream: { csv: { delimiter: '|', header: false } },
    message: 'A CSV file seems to have another delimiter.',
    place: 'a.csv:1: with ";" each row has 2 cells; the delimiter is "|"',
    remedy: 'header: [text]',
  },
  {
    name: 'one file with tabs among others with commas',
    files: { 'a.csv': 'id,name\n1,x\n', 'b.csv': 'id\tname\n1\tx\n' },
    message: 'A CSV file seems to have another delimiter.',
    place: 'b.csv:1: with "\\t" each row has 2 cells',
    remedy: 'a stream of their own',
  },
  {
    name: 'a row with too many cells',
    files: { 'a.csv': 'id,name\n1,x\n2,"y\nz"\n3,x,y\n' },
    message: 'A row of a CSV file has more or fewer cells than there are columns.',
    place: 'a.csv:5: expected 2, got 3',
    remedy: 'quotes',
  },
  {
    name: 'a row with too few cells',
    files: { 'a.csv': 'id,name\n\n1\n' },
    message: 'A row of a CSV file has more or fewer cells than there are columns.',
    place: 'a.csv:3: expected 2, got 1',
    remedy: 'Complete the row',
  },
  {
    name: 'a renamed column',
    files: { 'a-1.csv': 'id,name,x\n1,a,b\n', 'a-2.csv': 'id,full_name,x\n2,b,c\n' },
    message: 'The columns of a CSV file differ from those of the file before it.',
    place: 'a-2.csv:1: missing: name; new: full_name; before it: a-1.csv',
    remedy:
      'set header_changes: allow in csv of stream broken, under streams in the source’s config',
  },
  {
    name: 'two columns of one name',
    files: { 'a.csv': 'id,name,id\n1,a,2\n' },
    message: 'Two columns of a CSV file have one name.',
    place: 'a.csv:1: id',
    remedy: 'Rename',
  },
  {
    name: 'a quote that is never closed',
    files: { 'a.csv': 'id,name\n1,a\n2,"b\n3,c\n' },
    message: 'A quote in a CSV file is never closed.',
    place: 'a.csv:3:3',
    remedy: 'csv.quote',
  },
  {
    name: 'text after a closing quote',
    files: { 'a.csv': 'id,name\n1,"a"b\n' },
    message: 'A CSV file has text after a closing quote.',
    place: 'a.csv:2:6',
    remedy: 'Double quotes',
  },
  {
    name: 'carriage returns for newlines',
    files: { 'a.csv': 'id,name\r1,a\r' },
    message: 'A CSV file ends its lines with carriage returns alone.',
    place: 'a.csv:1',
    remedy: 'tr',
  },
  {
    name: 'CSV in another encoding',
    files: { 'a.csv': Buffer.from('id,name\n1,x\n2,Jürgen\n', 'latin1') },
    message: 'A file is not UTF-8.',
    place: 'a.csv:3:4',
    remedy: 'csv.encoding',
  },
  {
    name: 'CSV whose last bytes are cut',
    files: { 'a.csv': Buffer.concat([Buffer.from('id,name\n1,x\n2,J'), Buffer.from([0xc3, 10])]) },
    message: 'A file is not UTF-8.',
    place: 'a.csv:3:4',
    remedy: 'csv.encoding',
  },
  {
    name: 'CSV whose very last byte is cut',
    files: { 'a.csv': Buffer.concat([Buffer.from('id,name\n1,x\n2,J'), Buffer.from([0xc3])]) },
    message: 'A file is not UTF-8.',
    place: 'a.csv:3:4',
    remedy: 'csv.encoding',
  },
  {
    name: 'JSONL in another encoding',
    files: { 'a.jsonl': Buffer.from('{"a":"é"}\n'.repeat(3) + '{"a":"Jürgen"}\n', 'latin1') },
    message: 'A file is not UTF-8.',
    place: 'a.jsonl:1:7',
    remedy: 'iconv',
  },
  {
    name: 'a line that is no JSON',
    files: { 'a.jsonl': '{"a":1}\n{"a":1,}\n' },
    message: 'A line of a JSONL file is not valid JSON.',
    place: 'a.jsonl:2:8',
    remedy: 'Correct the line',
  },
  {
    name: 'a line that would break out of its envelope',
    files: { 'a.jsonl': '{"a":1},"stream":{"b":2}\n' },
    message: 'A line of a JSONL file is not valid JSON.',
    place: 'a.jsonl:1:8',
    remedy: 'Correct the line',
  },
  {
    name: 'a line that is a list',
    files: { 'a.jsonl': '{"a":1}\n[1]\n' },
    message: 'A line of a JSONL file is no JSON object.',
    place: 'a.jsonl:2: it is a list',
    remedy: 'one object a line',
  },
  {
    name: 'objects over several lines',
    files: { 'a.json': '{\n  "a": 1\n}\n' },
    message: 'A line of a JSONL file is not valid JSON.',
    place: 'a.json:1',
    remedy: 'jq -c .',
  },
  {
    name: 'one JSON list',
    files: { 'a.json': '\n [{"a": 1}]' },
    message: 'A file is one JSON list, not JSON lines.',
    place: 'a.json:1',
    remedy: "jq -c '.[]'",
  },
  {
    name: 'a last line that is cut',
    files: { 'a.jsonl': '{"a":1}\n{"a":' },
    kind: 'transient_error',
    message: 'The last line of a JSONL file is not whole.',
    place: 'a.jsonl:2',
    remedy: 'still being written',
  },
  {
    name: 'gzip that is cut',
    files: { 'a.jsonl.gz': compress('{"a":1}\n'.repeat(100), 'gzip').subarray(0, 30) },
    kind: 'transient_error',
    message: 'A compressed file ends before its end.',
    place: 'a.jsonl.gz',
    remedy: 'rename it when it is whole',
  },
  {
    name: 'zstd that is cut',
    files: { 'a.jsonl.zst': compress('{"a":1}\n'.repeat(100), 'zstd').subarray(0, 400) },
    kind: 'transient_error',
    message: 'A compressed file ends before its end.',
    place: 'a.jsonl.zst',
    remedy: 'rename it when it is whole',
  },
  {
    name: 'zstd that needs too much memory',
    files: { 'a.jsonl.zst': Buffer.from('28b52ffd0098010000000000000000', 'hex') },
    message: 'A zstd file needs too much memory.',
    place: 'a.jsonl.zst: a window of 536870912 bytes, at most 134217728',
    remedy: '--long',
  },
  {
    name: 'zstd that is damaged',
    files: { 'a.jsonl.zst': Buffer.from('28b52ffd0058070000'.padEnd(80, '0'), 'hex') },
    message: 'A compressed file is damaged.',
    place: 'a.jsonl.zst',
    remedy: 'Copy it anew',
  },
  {
    name: 'gzip that is damaged',
    files: { 'a.jsonl.gz': damaged(compress('{"a":"abcdefghijk"}\n'.repeat(9), 'gzip')) },
    message: 'A compressed file is damaged.',
    place: 'a.jsonl.gz',
    remedy: 'Copy it anew',
  },
  {
    name: 'gzip inside gzip',
    files: { 'a.csv.gz': gzipSync(gzipSync('a,b\n')) },
    message: 'A file has a format that is not read.',
    place: 'a.csv.gz: it is gzip with inside a compressed file',
    remedy: 'Decompress',
  },
  {
    name: 'an Excel workbook',
    files: { 'a.csv': Buffer.from('PK\x03\x04rest') },
    message: 'A file has a format that is not read.',
    place: 'a.csv: it is a ZIP archive or an Excel workbook',
    remedy: 'Convert it to CSV',
  },
  {
    name: 'UTF-16',
    files: { 'a.csv': Buffer.from('﻿id,name\n', 'utf16le') },
    message: 'A file has a format that is not read.',
    place: 'a.csv: it is UTF-16 text',
    remedy: 'iconv -f UTF-16',
  },
  {
    name: 'a Parquet name without Parquet',
    files: { 'a.parquet': 'id,name\n' },
    message: 'A file is no Parquet file.',
    place: 'a.parquet: its name says so',
    remedy: 'set format',
  },
  {
    name: 'Parquet that is cut',
    files: { 'a.parquet': 'PAR1 and nothing else' },
    message: 'A Parquet file is damaged or not supported.',
    place: 'a.parquet',
    remedy: 'write it anew',
  },
  {
    name: 'Parquet in a stream of CSV',
    files: { 'a.csv': 'PAR1 and nothing else' },
    stream: { format: 'csv' },
    message: 'A file is a Parquet file.',
    place: 'a.csv: its stream is configured as csv',
    remedy: 'Leave format away',
  },
  {
    name: 'no file',
    files: { 'a.csv': 'id\n1\n' },
    stream: { glob: 'b*.csv' },
    message: 'No file matches the glob of a stream.',
    place: 'b*.csv',
    remedy: 'Correct the glob',
  },
];

/** A byte in its middle changed. */
function damaged(bytes: Buffer): Buffer {
  const middle = bytes.byteLength >> 1;
  bytes[middle] = bytes[middle]! ^ 0xff;
  return bytes;
}

test.each(cases.map((one) => [one.name, one] as const))(
  '%s: told with its place and what to do, by check and by read; other streams are read',
  async (_, { files, stream, kind = 'config_error', message, place: where, remedy }) => {
    let modified = 1_700_000_000;
    for (const [name, content] of Object.entries(files)) place.write(name, content, modified++);
    place.write('other/x.csv', 'id\n5\n', modified);
    const config: FilesConfig = {
      path: place.path,
      streams: [
        { name: 'broken', glob: '*', ...stream },
        { name: 'other', glob: 'other/*' },
      ],
    };
    const expected = {
      kind,
      message,
      stream: 'broken',
      place: expect.stringContaining(where) as string,
      remedy: expect.stringContaining(remedy) as string,
    };
    const outcome = await read(config);
    expect(failureOf(outcome)).toMatchObject(expected);
    expect(failureOf(outcome).origin).toBe('source');
    expect(outcome.end!.statuses).toEqual({ broken: 'INCOMPLETE', other: 'COMPLETE' });
    expect(outcome.records.at(-1)).toContain('other {"id":5,');
    const { stream: _stream, ...told } = expected;
    expect(await refusalOf(filesSource.check(config, never))).toMatchObject(told);
  },
);

test('records before a wrong line are covered by a state, and once it is mended the rest is read', async () => {
  place.write('a.csv', 'id,name\n1,a\n2,b\n3\n4,d\n', 1);
  const config = { path: place.path };
  const one = await read(config);
  expect(values(one).map(({ id }) => id)).toEqual([1, 2]);
  expect(one.states).toHaveLength(1);
  place.write('a.csv', 'id,name\n1,a\n2,b\n3,c\n4,d\n', 2);
  const two = await read(config, { state: one.states });
  expect(two.end!.failure).toBeNull();
  expect(values(two).map(({ id }) => id)).toEqual([3, 4]);
});

test('columns that only came or only went are read; a renamed one too where it is allowed', async () => {
  place.write('a-1.csv', 'id,name\n1,a\n', 1);
  place.write('a-2.csv', 'id\n2\n', 2);
  place.write('a-3.csv', 'name,id,extra\nb,3,x\n', 3);
  place.write('a-4.csv', 'id,title\n4,y\n', 4);
  expect(failureOf(await read({ path: place.path })).place).toContain('a-4.csv');
  const csv = { header_changes: 'allow' as const };
  const config = { path: place.path, streams: [{ name: 'a', glob: '*', csv }] };
  expect(values(await read(config))).toEqual([
    { id: 1, name: 'a' },
    { id: 2 },
    { name: 'b', id: 3, extra: 'x' },
    { id: 4, title: 'y' },
  ]);
});

test('one column of text may hold other delimiters where it has a name', async () => {
  place.write('a.csv', 'x;y\nz;w\n');
  const csv = { delimiter: ',', header: ['text'] };
  const config = { path: place.path, streams: [{ name: 'a', glob: '*', csv }] };
  expect(values(await read(config))).toEqual([{ text: 'x;y' }, { text: 'z;w' }]);
});

test('what is to be written into a config without streams can be pasted', async () => {
  place.write('orders-2024.csv', 'id,amount\n1,2.5\n', 1);
  place.write('orders-2025.csv', 'id,total\n2,3.5\n', 2);
  place.write('orders_items.csv', 'id,order\n1,1\n', 3);
  const refused = await refusalOf(filesSource.check({ path: place.path }, never));
  expect(refused.remedy).toContain('name the streams in the source’s config, this one as { name:');
  const pasted = parse(/\{ name: .* \} \}/.exec(refused.remedy!)![0]) as StreamConfig;
  expect(pasted).toMatchObject({ name: 'orders', csv: { header_changes: 'allow' } });
  expect(values(await read({ path: place.path, streams: [pasted] }))).toEqual([
    { id: 1, amount: 2.5 },
    { id: 2, total: 3.5 },
  ]);
});

test('a renamed column is found also where the file before it was read long ago', async () => {
  place.write('a-1.csv', 'id,name\n1,a\n', 1);
  const one = await read({ path: place.path });
  place.write('a-2.csv', 'id,title\n2,b\n', 2);
  const two = await read({ path: place.path }, { state: one.states });
  expect(failureOf(two).place).toContain('a-2.csv:1: missing: name; new: title');
});

test('a record that never ends is refused before it fills the memory', async () => {
  place.write('a.jsonl', Buffer.alloc(70 * 1024 * 1024, '{'));
  const outcome = await read({ path: place.path }, { catalog: catalogOfOne('a') });
  expect(failureOf(outcome)).toMatchObject({
    kind: 'config_error',
    message: 'A record of a file is too long.',
  });
  expect(failureOf(outcome).place).toMatch(/^a\.jsonl:1: more than 67108864 bytes/);
});

const catalogOfOne = (name: string) => ({ streams: [{ name, json_schema: {} }] });

describe('the directory is not left', () => {
  let elsewhere: string;
  beforeEach(() => {
    elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-elsewhere-')));
  });
  afterEach(() => rmSync(elsewhere, { recursive: true }));

  test.each(['../x/*.csv', '/etc/*', 'a/../../*'])('by the glob %s', async (glob) => {
    const config = { path: place.path, streams: [{ name: 's', glob }] };
    expect(await refusalOf(filesSource.check(config, never))).toMatchObject({
      kind: 'config_error',
      message: 'A glob leads out of the source.',
    });
    expect(failureOf(await read(config, { catalog: catalogOfOne('s') })).message).toContain('glob');
  });

  test('by a symbolic link to a file', async () => {
    symlinkSync(place.path, join(elsewhere, 'back'));
    symlinkSync(join(elsewhere, 'secret.csv'), join(place.path, 'a.csv'));
    const other = openPlace();
    other.write('secret.csv', 'id\n1\n');
    symlinkSync(join(other.path, 'secret.csv'), join(place.path, 'b.csv'));
    const config = { path: place.path, streams: [{ name: 's', glob: 'b*' }] };
    const refusal = await refusalOf(filesSource.check(config, never));
    other.drop();
    expect(refusal).toMatchObject({ kind: 'config_error', place: 'b.csv' });
    expect(refusal.message).toBe('A symbolic link leads out of the directory of the source.');
  });

  test('by a symbolic link that took the place of a file since it was listed', async () => {
    place.write('a.csv', 'id\n1\n');
    symlinkSync(join(place.path, 'a.csv'), join(place.path, 'b.csv'));
    const listed = { name: 'b.csv', path: join(place.path, 'b.csv'), size: 5, modified: 0n };
    expect(await refusalOf(openFile(listed, never))).toMatchObject({
      message: 'A symbolic link leads out of the directory of the source.',
      place: 'b.csv',
    });
  });

  test('by a symbolic link to a directory, nor by one of the same beginning', async () => {
    const twin = `${place.path}-twin`;
    mkdirSync(twin);
    symlinkSync(elsewhere, join(place.path, 'link'));
    symlinkSync(twin, join(place.path, 'twin'));
    const config = { path: place.path, streams: [{ name: 's', glob: '**' }] };
    const refusal = await refusalOf(filesSource.check(config, never));
    rmSync(twin, { recursive: true });
    expect(refusal.message).toBe('No file matches the glob of a stream.');
  });
});

test('a directory that is missing, or a file, is told', async () => {
  place.write('x.csv', 'a\n');
  for (const name of ['none', 'x.csv'])
    expect(
      await refusalOf(filesSource.check({ path: join(place.path, name) }, never)),
    ).toMatchObject({
      kind: 'config_error',
      message: 'The directory of the source does not exist.',
    });
});

test('a directory without a file of ours is told', async () => {
  place.write('README.md', '# hello');
  expect(await refusalOf(filesSource.check({ path: place.path }, never))).toMatchObject({
    kind: 'config_error',
    message: 'The source holds no file to read.',
  });
});
