import { checkCount } from '../../../protocol/index.ts';
import { generationColumn } from '../../kit/columns.ts';
import { quoteIdentifier } from '../../kit/identifiers.ts';
import type { Written } from '../../kit/receipt.ts';
import { own } from '../../kit/rows/rows.ts';
import type { Column, Table } from '../../kit/tables.ts';
import { nullKey } from '../../kit/targets.ts';
import { stagedColumns, type MysqlSealedPart } from './part.ts';
import type { Session } from './session.ts';
import { keyColumns } from './tables.ts';
import { parseType } from './types.ts';

/** A part that is counted, and of which it is known which rows are the last of their keys: all that the transaction need not do. */
export interface Ready extends Written {
  readonly part: MysqlSealedPart;
}

/** The ordinals of the rows that count, in a table of their own: a statement may name a temporary table once. */
const lastOf = (part: MysqlSealedPart): string => `${part.staged.name}_last`;

/** Before the transaction, and again for each attempt of a commit. */
export async function ready(session: Session, table: Table, part: MysqlSealedPart): Promise<Ready> {
  const { stream, records: given, staged } = part;
  const { dedupBy } = table.target;
  const keys = dedupBy === null ? [] : keyColumns(dedupBy, table.columns);
  const { rows } = await session.query(
    `SELECT ${[
      'count(*) AS "rows"',
      `coalesce(sum(${own.nulled}), 0) AS nulled`,
      ...keys.map(({ name }, i) =>
        staged.hasColumn(name)
          ? `coalesce(max(${quoteIdentifier(name)} IS NULL), 0) AS k${i}`
          : `1 AS k${i}`,
      ),
    ].join(', ')} FROM ${staged.name}`,
  );
  const found = rows[0]!;
  const one = { stream, rows: Number(found['rows']), nulled: Number(found['nulled']), part };
  // Invariant 6.
  checkCount({ stream, given, loaded: one.rows, committed: false });
  const missing = keys.filter((_, i) => Number(found[`k${i}`]) === 1).map(({ field }) => field);
  if (missing.length > 0) throw nullKey(stream, missing);
  if (dedupBy !== null) await findLast(session, part, keys.map(groupingOf));
  return one;
}

/** Sorting looks at the first kilobyte of a text only (max_sort_length): keys that are alike so far would count as one. */
const groupingOf = ({ name, type }: Column): string =>
  /text|char/.test(parseType(type).name)
    ? `sha2(${quoteIdentifier(name)}, 256)`
    : quoteIdentifier(name);

/** The last record of each key wins. Invariant 4. */
async function findLast(
  session: Session,
  part: MysqlSealedPart,
  keys: readonly string[],
): Promise<void> {
  const last = lastOf(part);
  await session.query(`DROP TEMPORARY TABLE IF EXISTS ${last}`);
  await session.query(`CREATE TEMPORARY TABLE ${last} (ordinal bigint PRIMARY KEY) ENGINE=InnoDB`);
  // By sorting, always: of a batch most keys are there once.
  await session.query(
    `INSERT INTO ${last} SELECT SQL_BIG_RESULT max(${own.ordinal}) FROM ${part.staged.name} GROUP BY ${keys.join(', ')}`,
  );
}

/** Inside the transaction: the staged rows into their table. */
export async function writePart(session: Session, table: Table, { part }: Ready): Promise<void> {
  const { target } = table;
  const { staged } = part;
  const names = [
    ...table.columns.map(({ name }) => name).filter((name) => staged.hasColumn(name)),
    ...stagedColumns,
  ].map(quoteIdentifier);
  const insert = `INSERT INTO ${table.sql} (${names.join(', ')}, ${generationColumn})
    SELECT ${names.map((name) => `p.${name}`).join(', ')}, ${target.generation} FROM ${staged.name} AS p`;
  if (target.dedupBy === null) {
    await session.query(`${insert} ORDER BY p.${own.ordinal}`);
    return;
  }
  const last = lastOf(part);
  const keys = keyColumns(target.dedupBy, table.columns).map(({ name }) => quoteIdentifier(name));
  // In this order: by the rows of the batch, and by the index of the table.
  await session.query(
    `DELETE t FROM ${last} AS l STRAIGHT_JOIN ${staged.name} AS p ON p.${own.ordinal} = l.ordinal
     STRAIGHT_JOIN ${table.sql} AS t ON ${keys.map((key) => `t.${key} = p.${key}`).join(' AND ')}`,
  );
  const alive = target.hardDeletes ? ` WHERE p.${own.gone} = 0` : '';
  await session.query(
    `${insert} JOIN ${last} AS l ON l.ordinal = p.${own.ordinal}${alive} ORDER BY p.${own.ordinal}`,
  );
}

export async function dropStaged(
  session: Session,
  part: Pick<MysqlSealedPart, 'staged'>,
): Promise<void> {
  const { name } = part.staged;
  await session.query(`DROP TEMPORARY TABLE IF EXISTS ${name}, ${name}_last`);
}
