import type { DeclaredType, ValueCase } from './cases.ts';

/** Cases of a type by name. */
export const casesOf = (
  type: DeclaredType,
  values: Readonly<Record<string, string | null>>,
): readonly ValueCase[] => Object.entries(values).map(([name, value]) => ({ name, type, value }));
