import type { Observed } from '../../kit/columns.ts';
import { quoteIdentifier, shortHash } from '../../kit/identifiers.ts';
import { own } from '../../kit/rows/rows.ts';
import { planTable, type Column, type Table, type TableDialect } from '../../kit/tables.ts';
import type { Target } from '../../kit/targets.ts';
import { numberOf } from '../errors.ts';
import type { MysqlLedger } from './ledger.ts';
import { foldName } from './server.ts';
import type { Session } from './session.ts';
import { airbyteTypes, parseType, sqlTypeOf } from './types.ts';

/** What a server calls a primary key that it made by itself. */
export const generatedKey = 'my_row_id';

const dialect: TableDialect = {
  fold: foldName,
  narrow: 'bmp',
  sqlTypeOf,
  airbyteTypes,
  reserved: [...Object.values(own), generatedKey],
};

/** Another writer was quicker: a table, a column, an index that is there already. */
const exists = new Set([1050, 1060, 1061]);
const attemptsMax = 3;

/** What InnoDB has room for in the key of an index. */
const indexBytesMax = 3072;
const indexColumnsMax = 16;
const bytesPerCharacter = 4;
/** Of a text that is indexed, at most; the rest is compared in the row. */
const prefixCharsMax = 255;
/** The widest of what is no text. */
const otherBytesMax = 36;

export function tableSql(schema: string, table: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/** Makes the table or adds the columns it lacks. Additive, idempotent, outside transactions. */
export async function ensureTable(
  session: Session,
  ledger: MysqlLedger,
  given: Target,
  more: readonly Observed[] = [],
): Promise<Table> {
  await ledger.makeSchema(given.schema);
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await widened(session, ledger, given, more);
    } catch (error) {
      if (attempts >= attemptsMax || !exists.has(numberOf(error) ?? 0)) throw error;
    }
  }
}

async function widened(
  session: Session,
  ledger: MysqlLedger,
  given: Target,
  more: readonly Observed[],
): Promise<Table> {
  const sql = tableSql(given.schema, given.hidden ?? given.table);
  const columnsOf = (table: string) => ledger.tableColumns(given.schema, table);
  const { target, existing, columns, missing } = await planTable(given, more, columnsOf, dialect);
  if (existing.length === 0)
    await session.query(
      `CREATE TABLE ${sql} (${missing.join(', ')}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT COLLATE ${session.server.collation}`,
    );
  else if (missing.length > 0)
    await session.query(
      `ALTER TABLE ${sql} ${missing.map((definition) => `ADD COLUMN ${inTable(definition, session)}`).join(', ')}`,
    );
  await ensureKeyIndex(session, target, sql, columns);
  return { target, sql, columns };
}

/** Whatever a table's own collation is by now. */
const inTable = (definition: string, { server }: Session): string =>
  definition.replace(/ (longtext|char\(36\))/, ` $1 COLLATE ${server.collation}`);

/** Not a unique index: rows that were appended before may be there twice, and dedup removes every copy of a key. */
async function ensureKeyIndex(
  session: Session,
  target: Target,
  sql: string,
  columns: readonly Column[],
): Promise<void> {
  if (target.dedupBy === null) return;
  const keys = keyColumns(target.dedupBy, columns);
  const index = keyIndexName(keys);
  const { rows } = await session.query(`SHOW INDEX FROM ${sql} WHERE key_name = '${index}'`);
  if (rows.length > 0) return;
  await session.query(
    `CREATE INDEX ${quoteIdentifier(index)} ON ${sql} (${indexParts(keys).join(', ')})`,
  );
}

/** Names of indexes are the table's own. */
export const keyIndexPrefix = '_tidemark_key_';
const keyIndexName = (keys: readonly Column[]): string =>
  `${keyIndexPrefix}${shortHash(JSON.stringify(keys.map(({ name }) => name)))}`;

function indexParts(keys: readonly Column[]): readonly string[] {
  const parts = keys.slice(0, indexColumnsMax);
  const isText = ({ type }: Column): boolean => /text|char|json/.test(parseType(type).name);
  const texts = parts.filter(isText).length;
  const room = indexBytesMax - (parts.length - texts) * otherBytesMax;
  const prefix = Math.min(prefixCharsMax, Math.floor(room / bytesPerCharacter / texts));
  return parts.map((column) => {
    const name = quoteIdentifier(column.name);
    if (!isText(column)) return name;
    const { name: type, sizes } = parseType(column.type);
    return type.endsWith('char') && sizes[0]! <= prefix ? name : `${name}(${prefix})`;
  });
}

export const keyColumns = (fields: readonly string[], columns: readonly Column[]): Column[] =>
  fields.map((field) => columns.find((column) => column.field === field)!);
