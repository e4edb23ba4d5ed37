import { partId, streamId, SyncError, type JsonObject } from '../../../protocol/index.ts';
import { WarehouseLoader } from '../../../connectors/kit/warehouse/loader.ts';
import type { Warehouse } from '../../../connectors/kit/warehouse/warehouse.ts';
import {
  block,
  checkpoint,
  connection,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  type Harness,
  type Session,
} from '../harness.ts';
import { inGeneral, listIn, type Recorder } from './statements.ts';
import { hooked, type Hook } from './hooks.ts';

/** A system whose statements are listed. */
export interface Listed<C, H extends Harness<C>> {
  readonly name: string;
  readonly recorder: Recorder;
  create(): Promise<H>;
  warehouse(config: C): Warehouse;
  /** Of this run, and what stands for each in the list. */
  names(harness: H): Readonly<Record<string, string>>;
  /** What only this system does. */
  more?(harness: H): Promise<void>;
}

/** What goes wrong, once each. */
interface Faults {
  isLost: boolean;
  hooks: Hook[];
}

const conflict = new Error('Somebody else was here.');
const lost = (): SyncError =>
  new SyncError('transient_error', 'The connection was lost.', { origin: 'destination' });

function faulty(warehouse: Warehouse, faults: Faults): Warehouse {
  return {
    ...hooked(warehouse, () => faults.hooks),
    async replace(...args) {
      if (faults.isLost) {
        faults.isLost = false;
        throw lost();
      }
      await warehouse.replace(...args);
    },
    isConflict: (error) => error === conflict || warehouse.isConflict(error),
  };
}

const small: JsonObject = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    price: { type: 'number' },
    _ab_cdc_deleted_at: { type: 'string' },
  },
};
/** Of every kind; see `schema` of the harness. */
const full = `{"id":1,"name":"a","big":12345678901234567890,"price":0.5,"ok":true,"day":"2024-02-03","seen_at":"2024-02-03T04:05:06.789Z","local":"2024-02-03T04:05:06","clock":"04:05:06","doc":{"a":[1,{"b":null}]},"list":[1,"x"]}`;
const gone = '{"id":2,"_ab_cdc_deleted_at":"2024-01-01T00:00:00Z"}';
/** No double has it. */
const exact = '0.10000000000000000001';
/** More than what is gathered into one piece: what follows goes into a file of its own if its columns are others. */
const piece = Array.from({ length: 1200 }, (_, n) => `{"id":${n},"filler":"${'x'.repeat(1000)}"}`);

const streamsOf = (schema: string, syncNo: number) => {
  const kept = (name: string) => ({ stream: { name, json_schema: small } });
  return [
    stream('orders'),
    stream('notes', 'append', { ...kept('notes'), landing: { namespace: `${schema}_more` } }),
    stream('customers', 'append_dedup', kept('customers')),
    stream('stock', 'overwrite', {
      ...kept('stock'),
      ...{ sync_mode: 'full_refresh', generation_id: syncNo, minimum_generation_id: syncNo },
    }),
  ];
};

const at = (scope: string, seq: number, syncNo: number, more: object = {}) =>
  checkpoint(scope, seq, seq, { epoch: epoch(syncNo), ...more });

/** One part, whose second piece has a column more than the first, and a number that wants a wider one. */
async function growing({ loader }: Session): Promise<void> {
  const customers = streamId({ name: 'customers' });
  const part = await loader.part(customers, partId(epoch(1), 90));
  await part.append(block('customers', piece), never);
  await part.append(block('customers', [`{"id":1,"price":${exact},"fresh":"yes"}`]), never);
  part.cover();
  const receipt = await loader.commit([await part.seal()], [at('customers', 2, 1)], never);
  expect(receipt.rows).toEqual({ customers: piece.length + 1 });
}

/** A sync, whose writer dies between the transaction that decides on a replacement and the replacement. */
async function firstSync(session: Session, faults: Faults): Promise<void> {
  const { load, loader } = session;
  await load('orders', [full], at('orders', 1, 1));
  await load('notes', ['{"id":1}'], at('notes', 1, 1));
  await load('customers', ['{"id":1,"price":0.5}', '{"id":2}', gone], at('customers', 1, 1));
  await growing(session);
  const thrown = await loader.part(streamId({ name: 'orders' }), partId(epoch(1), 91));
  await thrown.append(block('orders', piece), never);
  await thrown.append(block('orders', ['{"id":1,"another":1}']), never);
  await thrown.discard();
  faults.isLost = true;
  const done = at('stock', 1, 1, { complete: true });
  expect((await failure(load('stock', ['{"id":1}', '{"id":2}'], done))).kind).toBe(
    'transient_error',
  );
  expect(faults.isLost).toBe(false);
}

/** Through everything that the product does with a warehouse. */
async function tour<C, H extends Harness<C>>(system: Listed<C, H>, harness: H): Promise<void> {
  const { config, schema, destination } = harness;
  await destination.check(config, never);
  const faults: Faults = { isLost: false, hooks: [] };
  const loader = (of: C) => new WarehouseLoader(faulty(system.warehouse(of), faults));
  const sessions = new Sessions<C>({ ...harness, destination: { ...destination, loader } });
  const open = (syncNo: number, time: number, more: object = {}) =>
    sessions.open({
      ...{ streams: streamsOf(schema, syncNo), epoch: epoch(syncNo, time), offer: `${syncNo}` },
      ...more,
    });
  try {
    const one = await open(1, 1000, { rowsMin: 2 });
    await firstSync(one, faults);
    const late = await one.sealed('orders', [full]);
    const two = await open(1, 2000);
    // Its tables are swept away.
    const told = await failure(one.loader.commit([late], [at('orders', 2, 1)], never));
    expect(told.code).toBe('fenced');
    faults.hooks = [{ sql: /^COMMIT$/, run: () => Promise.reject(conflict) }];
    await two.load('orders', [full], at('orders', 2, 1));
    expect(faults.hooks).toEqual([]);
    const three = await open(2, 3000);
    await three.load('stock', ['{"id":3}'], at('stock', 1, 2, { complete: true }));
    const asked = { connection, epoch: epoch(3), abort: never };
    expect(await three.loader.offered!(asked)).toBe('2');
    const found = (table: string) =>
      harness.query(`SELECT id FROM "${schema}"."${table}" ORDER BY id`);
    expect((await found('stock')).map(({ id }) => id)).toEqual(['3']);
    expect(await found('customers')).toHaveLength(piece.length);
  } finally {
    await sessions.close();
  }
  await system.more?.(harness);
}

const wrapped = (statement: string): string =>
  statement.replace(/(.{1,150})( |$)/g, '$1\n').trimEnd();

/** What is sent is what is listed, and somebody has said of each why it may be. */
export function statementSuite<C, H extends Harness<C>>(system: Listed<C, H>): void {
  const { name, recorder } = system;
  test(`every statement that ${name} is sent stands in the reviewed list, and none beside`, async () => {
    const harness = await system.create();
    let said: readonly string[];
    let left: unknown;
    try {
      said = await recorder.during(() => tour(system, harness));
    } finally {
      left = await harness.drop().catch((error: unknown) => error);
    }
    const sent = inGeneral(said, system.names(harness));
    const listed = listIn(recorder.file);
    const known = new Set(listed.map(({ statement }) => statement));
    const lacking = [...sent].filter((statement) => !known.has(statement)).map(wrapped);
    const idle = [...known].filter((statement) => !sent.has(statement)).map(wrapped);
    expect({ lacking: lacking.join('\n\n'), idle: idle.join('\n\n') }).toEqual({
      lacking: '',
      idle: '',
    });
    expect(listed.filter(({ comment }) => !comment.includes('https://'))).toEqual([]);
    expect(left).toBeUndefined();
  });
}
