import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../../protocol/index.ts';
import { confinePaths } from '../../worker/directories.ts';
import { refusalOf } from './refusal.ts';

let root: string;
let allowed: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-directories-')));
  allowed = join(root, 'allowed');
  mkdirSync(join(allowed, 'sub'), { recursive: true });
  mkdirSync(join(root, 'outside'));
  writeFileSync(join(root, 'outside', 'secret.db'), 'x');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const schema: JsonObject = {
  properties: { path: { type: 'string', 'x-path': true }, name: { type: 'string' } },
};
function confined(path: string, directories: readonly string[] = [allowed], directory = allowed) {
  const file = {
    path: join(allowed, 'connectors.yaml'),
    directory,
    entries: new Map(),
    directories,
  };
  const confinement = { connector: 'duckdb', file, origin: 'destination' as const };
  return confinePaths({ path, name: '../free' }, schema, confinement)['path'];
}

test('paths inside become absolute, from the directory of connectors.yaml, existing or not', () => {
  expect(confined('./x.duckdb')).toBe(join(allowed, 'x.duckdb'));
  expect(confined('sub/../sub/new/deep.db')).toBe(join(allowed, 'sub/new/deep.db'));
  expect(confined(join(allowed, 'sub'))).toBe(join(allowed, 'sub'));
  expect(confined('..x')).toBe(join(allowed, '..x'));
  expect(confined('.')).toBe(allowed);
});

test.each([
  '../outside/secret.db',
  '/etc/passwd',
  'sub/../../outside/new.db',
  '..',
  '../allowed-not/x',
])('%s lies outside and is refused with the directories and the file to edit', (path) => {
  mkdirSync(join(root, 'allowed-not'));
  const error = refusalOf(() => confined(path));
  expect(error.message).toContain('outside the directories');
  expect(error.place).toContain('duckdb /path');
  expect(error.remedy).toContain(allowed);
  expect(error.remedy).toContain('connectors.yaml');
  expect(error.origin).toBe('destination');
});

test('a symbolic link out of the directory is followed and refused: of a file, a directory, a chain', () => {
  symlinkSync(join(root, 'outside', 'secret.db'), join(allowed, 'file'));
  symlinkSync(join(root, 'outside'), join(allowed, 'dir'));
  symlinkSync('dir', join(allowed, 'chain'));
  for (const path of ['file', 'dir/secret.db', 'dir/new.db', 'chain/new/deep.db', 'sub/../dir/x'])
    expect(refusalOf(() => confined(path)).message).toContain('outside the directories');
});

test('a link that leads nowhere is refused: opening it would create a file outside', () => {
  symlinkSync(join(root, 'outside', 'new.db'), join(allowed, 'dangling'));
  symlinkSync('loop', join(allowed, 'loop'));
  for (const path of ['dangling', 'dangling/x', 'loop', 'loop/x'])
    expect(refusalOf(() => confined(path)).message).toContain('cannot be followed');
});

test('a link inside is followed, and an allowed directory may itself be a link', () => {
  symlinkSync('sub', join(allowed, 'inner'));
  symlinkSync(allowed, join(root, 'alias'));
  expect(confined('inner/x.db')).toBe(join(allowed, 'sub/x.db'));
  expect(confined(join(root, 'alias', 'x.db'), [join(root, 'alias')])).toBe(join(allowed, 'x.db'));
});

test('a path through a file is refused', () => {
  writeFileSync(join(allowed, 'plain'), '');
  expect(refusalOf(() => confined('plain/x')).message).toContain('cannot be followed');
});

test.each(['', 's3://bucket/x', 'md:db', 'file:///etc/passwd', 'a\0b'])(
  '%j is no local path and is refused',
  (path) => {
    expect(refusalOf(() => confined(path)).message).toContain('something else than a local path');
  },
);

test('without any directory nothing may be touched, and the refusal says what to list', () => {
  const error = refusalOf(() => confined('x.db', []));
  expect(error.remedy).toContain('none yet');
  expect(error.remedy).toContain('under directories');
});

test('values that the spec does not mark are left alone', () => {
  const file = { path: null, directory: allowed, entries: new Map(), directories: [] };
  const config = { name: '/etc/passwd' };
  expect(confinePaths(config, schema, { connector: 'x', file, origin: 'source' })).toEqual(config);
});
