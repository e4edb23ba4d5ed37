import { airbyteColumns } from '../columns.ts';
import { asBytesText, membersOf } from '../json-scan.ts';
import type { RecordText } from './records.ts';
import type { Rows } from './rows.ts';
import { columnOf } from './targets.ts';

/** The source's object as it is, byte by byte, with Airbyte's columns at its end. */
export function jsonlRows(): Rows {
  return {
    ...{ head: '', columns: null, missing: [] },
    row(record, stamps) {
      const data = withoutAirbytes(record);
      const own = airbyteColumns.map((name, i) => `"${name}":${stamps[i]!}`).join(',');
      const isEmpty = data.slice(1, -1).trim() === '';
      return `${data.slice(0, -1)}${isEmpty ? '' : ','}${own}}\n`;
    },
  };
}

/** A field that is called as one of Airbyte's columns goes by another name: an object has each name once. */
function withoutAirbytes({ data, parsed }: RecordText): string {
  if (!airbyteColumns.some((name) => Object.hasOwn(parsed, name))) return data;
  const members = membersOf(data, 0).map(({ key, start, end }) => {
    const name = columnOf(JSON.parse(key) as string);
    const isAirbytes = name !== JSON.parse(key);
    return `${isAirbytes ? asBytesText(JSON.stringify(name)) : key}:${data.slice(start, end)}`;
  });
  return `{${members.join(',')}}`;
}
