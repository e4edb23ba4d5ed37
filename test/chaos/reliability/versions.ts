import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { version as duckdbVersion } from '@duckdb/node-api';
import { Connection } from '@temporalio/client';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import pg from 'pg';
import { s3Product } from '../../support/s3-server.ts';
import type { Lane } from '../matrix/lane.ts';

/** What a run ran on, by name. */
export async function versionsOf({
  server,
  temporal,
}: Lane): Promise<Readonly<Record<string, string>>> {
  const { Tidemark, Node, ...rest } = versionsHere();
  return {
    ...{ Tidemark, Node },
    'Temporal server': await temporalVersion(temporal.address),
    Postgres: await postgresVersion((await server('postgres')).url),
    MySQL: await mysqlVersion((await server('mysql')).url),
    'S3 server': s3Product,
    ...rest,
  };
}

/** What needs no server to be known. */
export function versionsHere(): Readonly<
  Record<'Tidemark' | 'Node' | 'DuckDB' | 'machine', string>
> {
  return {
    Tidemark: commitOf(),
    Node: process.version,
    DuckDB: duckdbVersion(),
    machine: machine(),
  };
}

function commitOf(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
  return `commit ${git('rev-parse', '--short=12', 'HEAD')}${changed ? ', with changes' : ''}`;
}

async function temporalVersion(address: string): Promise<string> {
  const connection = await Connection.connect({ address });
  try {
    return (await connection.workflowService.getSystemInfo({})).serverVersion;
  } finally {
    await connection.close();
  }
}

async function postgresVersion(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]!.server_version;
  } finally {
    await client.end();
  }
}

async function mysqlVersion(url: string): Promise<string> {
  const connection = await mysql.createConnection(url);
  try {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT version() AS version');
    return String(rows[0]!['version']);
  } finally {
    await connection.end();
  }
}

function machine(): string {
  const name = /^PRETTY_NAME="(.+)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const memory = `${Math.round(totalmem() / 1e9)} GB`;
  return `${name ?? process.platform}, ${availableParallelism()} cores (${cpus()[0]?.model.trim() || 'unknown'}), ${memory}`;
}
