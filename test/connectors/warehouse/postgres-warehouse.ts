import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { asPostgresError, isConflict } from '../../../connectors/postgres/errors.ts';
import type { ColumnKind } from '../../../connectors/kit/columns.ts';
import { exactFold, quoteIdentifier } from '../../../connectors/kit/identifiers.ts';
import {
  decimalFit,
  integerFit,
  jsonFit,
  textOf,
  type Fit,
} from '../../../connectors/kit/rows/fit.ts';
import { doubleText, type Digits } from '../../../connectors/kit/rows/numerals.ts';
import {
  dateText,
  losesNanos,
  timestampText,
  timeText,
} from '../../../connectors/kit/rows/times.ts';
import { transaction } from '../../../connectors/kit/warehouse/transaction.ts';
import type {
  RowFile,
  Stage,
  Warehouse,
  WarehouseDialect,
  WarehouseSession,
} from '../../../connectors/kit/warehouse/warehouse.ts';

// A warehouse whose every promise is a real server's: what the one loader does with transactions is proved on it. Cloud warehouses' emulators have none
// worth the name.

const types: Readonly<Record<ColumnKind, string>> = {
  ...{ string: 'text', boolean: 'boolean', integer: 'bigint', big_integer: 'numeric(38,0)' },
  ...{ number: 'double precision', date: 'date', timestamp: 'timestamp without time zone' },
  ...{ timestamptz: 'timestamp with time zone', time: 'time without time zone' },
  ...{ timetz: 'time with time zone', json: 'jsonb' },
};

const fits: Readonly<Record<string, Fit>> = {
  text: textOf,
  boolean: (json) => (/^"?(true|false)"?$/.test(json) ? textOf(json) : null),
  bigint: integerFit(64),
  'double precision': (json) => doubleText(textOf(json)),
  date: (json) => dateText(textOf(json)),
  'timestamp without time zone': (json) => timestampText(textOf(json), false, 6),
  'timestamp with time zone': (json) => timestampText(textOf(json), true, 6),
  'time without time zone': (json) => timeText(textOf(json), 6),
  'time with time zone': (json) =>
    timeText(textOf(json).slice(0, 8), 6) === null ? null : textOf(json),
  jsonb: jsonFit,
};

/** Of this server's decimals those of 38 digits, as warehouses have them. */
function decimalOf(type: string): Digits | null {
  const scale = /^numeric\(38,(\d+)\)$/.exec(type)?.[1];
  return scale === undefined ? null : { whole: 38 - Number(scale), scale: Number(scale) };
}

function widerType(type: string, { whole, scale }: Digits): string | null {
  const own = decimalOf(type);
  if (type === 'bigint') return scale === 0 && whole <= 38 ? 'numeric(38,0)' : null;
  if (own?.scale === 0) return null;
  const needed = Math.max(scale, own?.scale ?? 0);
  const room = 38 - whole - needed;
  const wider = `numeric(38,${needed + Math.floor(room / 2)})`;
  return room < 0 || wider === type ? null : wider;
}

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;

const dialect: WarehouseDialect = {
  fold: exactFold,
  quote: quoteIdentifier,
  table: (schema, table) => `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`,
  line: (_, cells) => `${cells.map((cell) => (cell === null ? '' : quoted(cell))).join(',')}\n`,
  own: { text: 'text', integer: 'bigint', boolean: 'boolean' },
  typeOf: (kind) => types[kind],
  airbyte: { id: 'text', instant: 'timestamp with time zone', json: 'jsonb' },
  cells: {
    fitOf(type) {
      const decimal = decimalOf(type);
      return decimal === null ? (fits[type] ?? (() => null)) : decimalFit(decimal);
    },
    isCut: (type, json) => type.startsWith('time') && losesNanos(json),
    isOfNumbers: (type) => /^(bigint|double|numeric)/.test(type),
    widerType,
  },
  cast: (column, type) =>
    type.startsWith('timestamp with time')
      ? `CAST(${column} || 'Z' AS ${type})`
      : `CAST(${column} AS ${type})`,
  widened: (column, type, wider) =>
    type === 'bigint' ? `CAST(${column} AS ${wider})` : `CAST(CAST(${column} AS text) AS ${wider})`,
  losesWidened: (column, type, wider) =>
    type === 'double precision'
      ? `CASE WHEN abs(${column}) >= 1e${decimalOf(wider)!.whole} THEN true ELSE CAST(CAST(CAST(${column} AS text) AS ${wider}) AS double precision) <> ${column} END`
      : null,
  comparable: (column) => column,
  addColumns: (table, definitions) => [
    `ALTER TABLE ${table} ${definitions.map((one) => `ADD COLUMN ${one}`).join(', ')}`,
  ],
};

const numbered = (sql: string): string => {
  let n = 0;
  return sql.replaceAll('?', () => `$${(n += 1)}`);
};

async function connect(url: string): Promise<WarehouseSession & { readonly client: pg.Client }> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SET timezone = 'UTC'`);
  const ended = new AbortController();
  return {
    client,
    ended: ended.signal,
    async query(sql, values = []) {
      const { rows, rowCount } = await client.query<Record<string, unknown>>(numbered(sql), [
        ...values,
      ]);
      return { rows, count: rowCount ?? 0 };
    },
    destroy() {
      ended.abort();
      (
        client as unknown as { connection: { stream: { destroy(): void } } }
      ).connection.stream.destroy();
    },
    async close() {
      if (!ended.signal.aborted) await client.end();
      ended.abort();
    },
  };
}

/** Files in a directory; COPY loads them. */
async function openStage(url: string, directory: string): Promise<Stage> {
  const session = await connect(url);
  await mkdir(directory, { recursive: true });
  return {
    put: (file) => copyFile(file.path, join(directory, file.name)),
    async load(table, files: readonly RowFile[]) {
      for (const { name, columns } of files)
        await pipeline(
          createReadStream(join(directory, name)),
          createGunzip(),
          session.client.query(
            copyFrom(
              `COPY ${table} (${columns.map(quoteIdentifier).join(', ')}) FROM STDIN (FORMAT csv)`,
            ),
          ),
        );
    },
    async remove(prefix) {
      for (const name of await readdir(directory))
        if (name.startsWith(prefix)) await rm(join(directory, name));
    },
    list: async (prefix) => (await readdir(directory)).filter((name) => name.startsWith(prefix)),
    close: () => session.close(),
  };
}

export interface PostgresWarehouseConfig {
  readonly url: string;
  readonly directory: string;
}

export const postgresWarehouse = ({ url, directory }: PostgresWarehouseConfig): Warehouse => ({
  dialect,
  place: url,
  schema: 'public',
  connect: () => connect(url),
  openStage: () => openStage(url, directory),
  async makeSchema(session, schema) {
    await session.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`);
  },
  async columnsOf(session, schema, table) {
    const { rows } = await session.query(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ? AND c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      [schema, table],
    );
    return rows.map((row) => ({ name: String(row['name']), type: String(row['type']) }));
  },
  async tableNames(session, schema, prefix) {
    const { rows } = await session.query(
      `SELECT tablename FROM pg_tables WHERE schemaname = ? AND starts_with(tablename, ?)`,
      [schema, prefix],
    );
    return rows.map((row) => String(row['tablename']));
  },
  lock: () => null,
  tableOptions: () => '',
  async replace(session, schema, from, table) {
    await transaction({ isConflict }, session, new AbortController().signal, async () => {
      await session.query(`DROP TABLE IF EXISTS ${dialect.table(schema, table)}`);
      await session.query(
        `ALTER TABLE ${dialect.table(schema, from)} RENAME TO ${quoteIdentifier(table)}`,
      );
    });
  },
  isConflict,
  asError: (error, abort) => asPostgresError(error, abort, 'postgres'),
});
