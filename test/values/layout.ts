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

/** A field for each case. */
export const layOutApart = (name: string, cases: readonly ValueCase[]): CaseStream => ({
  name,
  cases: cases.map((one, i) => ({ ...one, field: `c${i}` })),
});

/** The same in several streams, each with cases of all kinds: a table of rows and columns alike costs by its square. */
export const layOutApartIn = (
  count: number,
  name: string,
  cases: readonly ValueCase[],
): readonly CaseStream[] =>
  Array.from({ length: count }, (_, n) =>
    layOutApart(
      `${name}_${n}`,
      cases.filter((_case, i) => i % count === n),
    ),
  );

/** All cases of a type in one field, so that they tell on each other. */
export const layOutTogether = (name: string, cases: readonly ValueCase[]): CaseStream => ({
  name,
  cases: cases.map((one) => ({ ...one, field: `its_${one.type}` })),
});

/** A stream for each case, so that no other value has part in its way. */
export const layOutAlone = (cases: readonly ValueCase[]): readonly CaseStream[] =>
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
