import type { JsonObject } from '../../protocol/index.ts';
import { declaredTypes, type DeclaredType, type ValueCase } from './cases.ts';

/** A stream of cases: each is a record with its name in `case`, and its value in a field. */
export interface CaseStream {
  readonly name: string;
  readonly cases: readonly PlacedCase[];
}

export interface PlacedCase extends ValueCase {
  readonly field: string;
}

/** `apart`: a field for each case. `together`: all cases of a type in one field, so that neighbours tell on each other. */
export type Layout = 'apart' | 'together';

export function layOut(cases: readonly ValueCase[], layout: Layout): CaseStream {
  const placed = cases.map((one, i) => ({
    ...one,
    field: layout === 'apart' ? `c${i}` : `its_${one.type}`,
  }));
  return { name: layout, cases: placed };
}

/** A stream for each case, so that no other value can have part in its way. */
export const alone = (cases: readonly ValueCase[]): readonly CaseStream[] =>
  cases.map((one, i) => ({ name: `alone_${i}`, cases: [{ ...one, field: 'its' }] }));

export const fieldsOf = ({ cases }: CaseStream): ReadonlyMap<string, DeclaredType> =>
  new Map(cases.map(({ field, type }) => [field, type]));

export function schemaOf(stream: CaseStream): JsonObject {
  const properties = [...fieldsOf(stream)].map(([field, type]) => [field, declaredTypes[type]]);
  return {
    type: 'object',
    properties: { case: { type: 'string' }, ...(Object.fromEntries(properties) as JsonObject) },
  };
}

/** The record of a case, as JSON text. */
export function recordOf({ name, field, value }: PlacedCase): string {
  const member = value === null ? '' : `,${JSON.stringify(field)}:${value}`;
  return `{"case":${JSON.stringify(name)}${member}}`;
}
