import { createWarehouse } from '../../connectors/bigquery/warehouse.ts';
import { planTargets } from '../../connectors/kit/targets.ts';
import type { WarehouseDialect } from '../../connectors/kit/warehouse/warehouse.ts';
import { redshiftWarehouse } from '../../connectors/redshift/warehouse.ts';
import { snowflakeWarehouse } from '../../connectors/snowflake/warehouse.ts';
import { isNameable } from '../../connectors/kit/identifiers.ts';
import { nameStream } from './names.ts';

interface Rules {
  readonly dialect: WarehouseDialect;
  /** A name in quotes, as the server has it. */
  readonly there: (quoted: string) => string;
  readonly allowed: RegExp;
}

const unquoted = (name: string): string => name.slice(1, -1).replaceAll('""', '"');
const asciiLower = (name: string): string => name.replace(/[A-Z]/g, (one) => one.toLowerCase());

/**
 * docs.aws.amazon.com/redshift/latest/dg/r_names.html, cloud.google.com/bigquery/docs/reference/rest/v2/TableReference. A name in quotes may hold anything in
 * Snowflake.
 */
const rules: Readonly<Record<string, Rules>> = {
  Snowflake: {
    dialect: snowflakeWarehouse({ account: 'a', database: 'd', warehouse: 'w', username: 'u' })
      .dialect,
    there: unquoted,
    allowed: /^[^\0]{1,255}$/su,
  },
  Redshift: {
    dialect: redshiftWarehouse({ bucket: 'b', host: 'h' }).dialect,
    there: (quoted) => asciiLower(unquoted(quoted)),
    allowed: /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,127}$/u,
  },
  BigQuery: {
    dialect: createWarehouse({ project: 'p', dataset: 'd' }).dialect,
    // Tables are told apart by case, columns are not: the narrower of both.
    there: (quoted) => quoted.slice(1, -1).toLowerCase(),
    allowed: /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd} ]{1,255}$/u,
  },
};

test.each(Object.entries(rules))(
  'streams whose names are hard to have get tables of their own in %s, the same in every sync',
  (_, { dialect, there, allowed }) => {
    const names = nameStream.cases.map(({ field }) => field).filter(isNameable);
    const { fold, narrow = false, spell, quote } = dialect;
    const plan = (streams: readonly string[], known: Parameters<typeof planTargets>[1]) =>
      planTargets(
        {
          streams: streams.map((name) => ({
            stream: { name, json_schema: {} },
            ...{ sync_mode: 'full_refresh', destination_sync_mode: 'append' },
            ...{ generation_id: 0, minimum_generation_id: 0, sync_id: 1 },
          })),
        },
        known,
        { schema: 'raw', fold, narrow, spell },
      );
    const tables = plan(names, []);
    const theirs = tables.map(({ table }) => there(quote(table)));
    expect(new Set(theirs).size).toBe(names.length);
    for (const name of theirs) expect(name).toMatch(allowed);
    const again = plan(names.toReversed(), tables);
    expect(again.map(({ table }) => table)).toEqual(tables.map(({ table }) => table).toReversed());
  },
);
