import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SyncError, type ConnectionSpec } from '../../protocol/index.ts';
import { checkConnectionName, readConnectionFile } from '../connection-file.ts';
import type { Io } from './io.ts';

/** What a person names: a file by its path, or a connection by its name. */
export type Target =
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'name'; readonly name: string };

export function targetOf(text: string): Target {
  const isPath = /\.ya?ml$/.test(text) || text.includes('/') || text.includes('\\');
  if (isPath) return { type: 'file', path: text };
  return { type: 'name', name: checkConnectionName(text) };
}

/** The file's spec. Messages name the path as it was typed. */
export function specAt({ directory }: Io, path: string): Promise<ConnectionSpec> {
  return readConnectionFile(resolve(directory, path), path);
}

/** For `apply`: a path, or the name of connections/<name>.yaml. */
export async function specToApply(io: Io, text: string): Promise<ConnectionSpec> {
  const target = targetOf(text);
  if (target.type === 'file') return specAt(io, target.path);
  const beside = ['yaml', 'yml'].map((ending) => join('connections', `${target.name}.${ending}`));
  const found = beside.find((path) => existsSync(resolve(io.directory, path)));
  if (found !== undefined) return specAt(io, found);
  throw new SyncError('config_error', 'There is no connection file of this name.', {
    origin: 'tidemark',
    place: beside[0]!,
    remedy: 'Create it, or give the path of the file.',
  });
}
