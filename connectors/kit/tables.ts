import { cdcPrefix, type Checkpoint, type StreamId } from '../../protocol/index.ts';
import {
  airbyteColumns,
  columnsMax,
  kindOfObserved,
  type ColumnKind,
  type Observed,
} from './columns.ts';
import {
  asWanted,
  claimNames,
  hashedName,
  isNameable,
  quoteIdentifier,
  type Fold,
  type Spell,
  type Narrow,
} from './identifiers.ts';
import { tooManyColumns, type Target } from './targets.ts';

/** A target's column as it is in the database: its own type decides, whatever the schema says by now. */
export interface Column {
  readonly field: string;
  readonly name: string;
  /** As the system spells it. */
  readonly type: string;
}

/** A target's table as it is: its columns by field. */
export interface Table {
  readonly target: Target;
  /** Quoted, with its schema. */
  readonly sql: string;
  readonly columns: readonly Column[];
}

/** How a system spells tables. */
export interface TableDialect {
  readonly fold: Fold;
  /** See Naming. */
  readonly narrow?: Narrow;
  /** See Naming. */
  readonly spell?: Spell | undefined;
  /** Absent: in double quotes. */
  readonly quote?: (name: string) => string;
  readonly sqlTypeOf: (kind: ColumnKind) => string;
  /** The types of Airbyte's columns. */
  readonly airbyteTypes: Readonly<Record<(typeof airbyteColumns)[number], string>>;
  /** Names that no field's column may have, beside Airbyte's. */
  readonly reserved: readonly string[];
}

/** Whether a field of a record may have a column. */
export function admits(
  { only, spell = asWanted }: Pick<Target, 'only' | 'spell'>,
  field: string,
): boolean {
  return (
    only === null ||
    only.has(field) ||
    // What the field's column may be called.
    only.has(spell(field)) ||
    only.has(spell(hashedName(field))) ||
    only.has(hashedName(field, 'bmp')) ||
    only.has(hashedName(field, 'words')) ||
    only.has(spell(hashedName(field, 'printable'))) ||
    field.startsWith(cdcPrefix)
  );
}

/**
 * A frozen stream's table takes no columns beside those that it has, or at first those of the schema. `existing`: its columns; for a hidden
 * table those of the visible one.
 */
function settle(
  target: Target,
  existing: readonly { readonly name: string }[],
  spell: Spell | undefined,
): Target {
  if (!target.frozen) return target;
  const names = existing.length > 0 ? existing.map(({ name }) => name) : [...target.fields.keys()];
  const only = new Set([...names, ...(target.dedupBy ?? [])]);
  const settled: Target = { ...target, frozen: false, only, ...(spell !== undefined && { spell }) };
  const fields = [...target.fields].filter(([field]) => admits(settled, field));
  return { ...settled, fields: new Map(fields) };
}

/** The columns, as they are, that a frozen stream's hidden table lacks of those of the visible one: in its place none may be missing. */
function inherited(
  { frozen, hidden }: Target,
  visible: readonly Omit<Column, 'field'>[],
  existing: readonly Omit<Column, 'field'>[],
): Omit<Column, 'field'>[] {
  if (!frozen || hidden === null) return [];
  const there = new Set([...existing.map(({ name }) => name), ...airbyteColumns]);
  return visible.filter(({ name }) => !there.has(name));
}

/** The fields that a target's table needs columns for: its schema's, its key's, and `more` that were seen in records. */
export function wantedFields(
  target: Pick<Target, 'stream' | 'fields' | 'dedupBy'>,
  more: readonly Observed[],
): Map<string, ColumnKind> {
  const wanted = new Map<string, ColumnKind>(target.fields);
  for (const field of target.dedupBy ?? []) if (!wanted.has(field)) wanted.set(field, 'string');
  for (const observed of more) wanted.set(observed.field, kindOfObserved(observed));
  // Records never bring them: see repair.ts.
  for (const field of wanted.keys()) if (!isNameable(field)) wanted.delete(field);
  if (wanted.size > columnsMax) throw tooManyColumns(target.stream, wanted.size);
  return wanted;
}

/**
 * The column of each wanted field, and the definitions of those that the table lacks, with Airbyte's. `taken`: columns that it is to have,
 * whatever is wanted.
 */
export function planColumns(
  wanted: ReadonlyMap<string, ColumnKind>,
  {
    existing,
    taken = [],
  }: {
    readonly existing: readonly Omit<Column, 'field'>[];
    readonly taken?: readonly Omit<Column, 'field'>[];
  },
  { fold, narrow, spell, quote = quoteIdentifier, sqlTypeOf, airbyteTypes, reserved }: TableDialect,
): { readonly columns: readonly Column[]; readonly missing: readonly string[] } {
  const names = claimNames([...wanted.keys()], {
    fold,
    existing: [...existing, ...taken].map(({ name }) => name),
    reserved: [...airbyteColumns, ...reserved],
    ...{ narrow, spell },
  });
  const typeOf = new Map([...existing, ...taken].map(({ name, type }) => [name, type]));
  const columns = [...wanted].map(([field, kind]) => {
    const name = names.get(field)!;
    return { field, name, type: typeOf.get(name) ?? sqlTypeOf(kind) };
  });
  const lacking = [
    ...columns.map(({ name, type }) => [name, type] as const),
    ...Object.entries(airbyteTypes),
  ].filter(([name]) => !typeOf.has(name));
  const missing = [...taken.map(({ name, type }) => [name, type] as const), ...lacking];
  return {
    columns,
    missing: missing.map(([name, type]) => `${quote(name)} ${type}`),
  };
}

export interface TablePlan {
  /** Settled. */
  readonly target: Target;
  readonly existing: readonly Omit<Column, 'field'>[];
  readonly columns: readonly Column[];
  /** Definitions of the columns that the table lacks. */
  readonly missing: readonly string[];
}

/** What a target's table is to become, from what it is. `columnsOf`: those of a table in the target's schema; none where it is not there. */
export async function planTable(
  given: Target,
  more: readonly Observed[],
  columnsOf: (table: string) => Promise<readonly Omit<Column, 'field'>[]>,
  dialect: TableDialect,
): Promise<TablePlan> {
  const existing = await columnsOf(given.hidden ?? given.table);
  const isModelled = given.frozen && given.hidden !== null;
  const visible = isModelled ? await columnsOf(given.table) : existing;
  const target = settle(given, visible, dialect.spell);
  const taken = inherited(given, visible, existing);
  const wanted = wantedFields(target, more);
  return { target, existing, ...planColumns(wanted, { existing, taken }, dialect) };
}

/** The table's target with a field for every column: those that only records brought stay when the table is made wider. */
export function targetWithColumns({ target, columns }: Table): Target {
  const fields = new Map(target.fields);
  for (const { field } of columns) if (!fields.has(field)) fields.set(field, 'json');
  return { ...target, fields };
}

/** The fields whose unusable values are told as NULLED; null: every one. A field that was left out has no value to lose. */
export function brokenToTell({
  target,
  columns,
}: {
  readonly target: Pick<Target, 'only'>;
  readonly columns: readonly Column[];
}): readonly string[] | null {
  return target.only === null ? null : columns.map(({ field }) => field);
}

/** The columns in the order of an INSERT: the fields', then Airbyte's. */
export function columnNames({ columns }: Table): string {
  return [...columns.map(({ name }) => name), ...airbyteColumns].map(quoteIdentifier).join(', ');
}

/** The hidden tables that a commit at these checkpoints is to publish: those of streams that are complete. */
export function tablesToPublish(
  at: readonly Checkpoint[],
  tables: ReadonlyMap<StreamId, Table>,
): readonly Table[] {
  return at.flatMap(({ scope, complete }) => {
    const table = complete === true ? tables.get(scope as StreamId) : undefined;
    return table === undefined || table.target.hidden === null ? [] : [table];
  });
}
