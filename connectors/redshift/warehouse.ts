import type { Warehouse } from '../kit/warehouse/warehouse.ts';
import { columnsOf, makeSchema, replaceTable, tableNames } from './catalog.ts';
import { schemaOf, type RedshiftConfig } from './config.ts';
import { dialect } from './dialect.ts';
import { asRedshiftError, isConflict } from './errors.ts';
import { takeOver } from './older-sessions.ts';
import { connect, placeOf, type OnSession } from './session.ts';
import { openStage } from './stage.ts';

export function redshiftWarehouse(config: RedshiftConfig): Warehouse {
  const { distribution = 'key' } = config;
  let tell: OnSession = () => Promise.resolve();
  return {
    ...{ dialect, schema: schemaOf(config) },
    // A URL that can't be read is told by the first call that may fail.
    get place() {
      return placeOf(config);
    },
    connect: (abort, author) => connect(config, abort, author, (session) => tell(session)),
    openStage: (abort, author) => openStage(config, abort, author),
    async takeOver(session, connection, epoch) {
      tell = await takeOver(this, session, connection, epoch);
    },
    ...{ makeSchema, columnsOf, tableNames, isConflict },
    // Before the transaction's snapshot, which its first other statement takes. (…/dg/r_LOCK.html, …/dg/c_serial_isolation.html)
    lock: (table) => `LOCK TABLE ${table}`,
    // …/dg/r_CREATE_TABLE_NEW.html. A SUPER is no key. (…/dg/limitations-super.html)
    tableOptions: (key, types) =>
      distribution === 'auto' || key.length === 0 || types.includes('super')
        ? 'DISTSTYLE AUTO SORTKEY AUTO'
        : `DISTSTYLE KEY DISTKEY (${key[0]!}) COMPOUND SORTKEY (${key.join(', ')})`,
    replace: replaceTable,
    asError: (error, abort) => asRedshiftError(error, abort, placeOf(config)),
  };
}
