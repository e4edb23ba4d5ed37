import { quoteLiteral } from '../../../kit/identifiers.ts';
import { refusalsOf } from '../../../kit/refuse-config.ts';
import type { Session } from '../../session.ts';
import { lsnText, parseLsn, type Lsn } from './lsn.ts';

export interface Slot {
  /** All before it may be forgotten by the server. */
  readonly confirmed: Lsn;
  /** The process that reads it; null: none does. */
  readonly reader: number | null;
}

const refuse = refusalsOf('source');

/** null: there is none. Throws where it can't be read from `from` on; null: from wherever it is. */
export async function findSlot(
  session: Session,
  name: string,
  from: Lsn | null,
): Promise<Slot | null> {
  const { rows } = await session.query(
    `SELECT plugin, slot_type AS type, database, current_database() AS here, active_pid AS pid,
       confirmed_flush_lsn::text AS confirmed, wal_status AS status
     FROM pg_replication_slots WHERE slot_name = $1`,
    [name],
  );
  const [row] = rows;
  const place = `${session.place}: replication slot ${name}`;
  if (row === undefined) {
    if (from === null) return null;
    throw refuse(
      'The replication slot is gone, and with it what changed since the last checkpoint.',
      place,
      'Read the streams from their start, which makes a new one: tidemark refresh <connection>.',
    );
  }
  const { plugin, type, database, here, pid, confirmed, status } = row;
  if (type !== 'logical' || plugin !== 'pgoutput' || database !== here)
    throw refuse(
      'The replication slot is not one of this source.',
      `${place}: ${String(type)}, plugin ${String(plugin)}, database ${String(database)}`,
      'Name another one in the config: a slot is made when it is read first.',
    );
  if (status === 'lost') throw lost(place, name);
  const at = parseLsn(String(confirmed)) ?? 0n;
  if (from !== null && at > from)
    throw refuse(
      'The replication slot is ahead of the last checkpoint: what lies between was forgotten by the server.',
      `${place}: at ${lsnText(at)}, the checkpoint at ${lsnText(from)}`,
      'Something else reads this slot, or the state went back. Give each connection a slot of its own, and read the streams from their start: tidemark refresh <connection>.',
    );
  return { confirmed: at, reader: typeof pid === 'number' ? pid : null };
}

function lost(place: string, name: string): Error {
  return refuse(
    'The replication slot was lost: the server needed the room of what it kept for it (max_slot_wal_keep_size).',
    place,
    `Drop it (SELECT pg_drop_replication_slot(${quoteLiteral(name)})), raise max_slot_wal_keep_size or sync more often, and read the streams from their start: tidemark refresh <connection>.`,
  );
}

/** It keeps all from the place on that is returned. */
export async function createSlot(session: Session, name: string): Promise<Lsn> {
  const { rows } = await session.query(
    `SELECT lsn::text AS lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')`,
    [name],
  );
  return parseLsn(String(rows[0]!['lsn']))!;
}
