import { refusalsOf } from '../refuse-config.ts';

/** Columns named in an error. */
const namesMax = 20;

/** A column of a table; `cursor`: how its values are ordered, null: they have no order to read by. */
export interface CursorColumn<T> {
  readonly name: string;
  readonly cursor: T | null;
}

export type ChosenColumn<C, T> = C & { readonly cursor: T };

/** The column that `cursor_field` names. Throws where it can't be read by. `stream`: for people. */
export function cursorColumn<T, C extends CursorColumn<T>>(
  stream: string,
  columns: readonly (C & CursorColumn<T>)[],
  path: readonly string[],
): ChosenColumn<C, T> {
  const refuse = refusalsOf('source');
  const column = columns.find(({ name }) => name === path[0]);
  const good = columns.filter(({ cursor }) => cursor !== null).map(({ name }) => name);
  const remedy =
    good.length === 0
      ? 'Read it in full: sync_mode: full_refresh.'
      : `Choose one whose values rise with each change, of: ${good.slice(0, namesMax).join(', ')}; or read it in full: sync_mode: full_refresh.`;
  const place = `stream ${stream}: cursor_field ${path.join('.')}`;
  if (column === undefined || path.length !== 1)
    throw refuse('The cursor is no column of the stream.', place, remedy, stream);
  const { cursor } = column;
  if (cursor === null)
    throw refuse('The cursor has a type without an order to read by.', place, remedy, stream);
  return { ...column, cursor };
}
