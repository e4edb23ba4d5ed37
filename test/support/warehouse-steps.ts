import { WarehouseLoader } from '../../connectors/kit/warehouse/loader.ts';
import type {
  RowFile,
  Stage,
  Warehouse,
  WarehouseSession,
} from '../../connectors/kit/warehouse/warehouse.ts';
import type { LoaderDestination } from '../../protocol/index.ts';
import type { LastStep } from './last-step.ts';

/** What a warehouse does with files. Told while it is under way, with the rows of its files and of those before. */
export interface FileSteps {
  sending(rows: number): Promise<void>;
  copying(rows: number): Promise<void>;
}

type Steps = LastStep & FileSteps;

/** A destination that is a warehouse, whose steps are told: by the contracts, so that the warehouse itself knows nothing of it. */
export function watchWarehouse<C>(
  native: LoaderDestination<C>,
  warehouseOf: (config: C) => Warehouse,
): { readonly native: LoaderDestination<C>; watch(this: void, told: Steps): void } {
  let told: Steps | null = null;
  return {
    native: {
      ...native,
      loader: (config) => new WarehouseLoader(watched(warehouseOf(config), () => told!)),
    },
    watch: (steps) => {
      told = steps;
    },
  };
}

const watched = (warehouse: Warehouse, told: () => Steps): Warehouse =>
  // Its own methods may call each other.
  Object.assign(Object.create(warehouse) as Warehouse, {
    connect: async (abort: AbortSignal) => withCommits(await warehouse.connect(abort), told),
    openStage: async (abort: AbortSignal) => withFiles(await warehouse.openStage(abort), told),
  });

const withCommits = (session: WarehouseSession, told: () => Steps): WarehouseSession => ({
  ended: session.ended,
  destroy: () => session.destroy(),
  close: () => session.close(),
  async query(sql, values) {
    if (sql !== 'COMMIT') return session.query(sql, values);
    await told().before();
    const answer = await session.query(sql, values);
    await told().after();
    return answer;
  },
});

function withFiles(stage: Stage, told: () => Steps): Stage {
  let [sent, copied] = [0, 0];
  return {
    async put(file, table, abort) {
      const work = stage.put(file, table, abort);
      await during(work, () => told().sending((sent += file.rows)));
    },
    async load(table, files, abort) {
      const work = stage.load(table, files, abort);
      await during(work, () => told().copying((copied += rowsIn(files))));
    },
    remove: (prefix) => stage.remove(prefix),
    list: (prefix) => stage.list(prefix),
    close: () => stage.close(),
  };
}

const rowsIn = (files: readonly RowFile[]): number =>
  files.reduce((sum, { rows }) => sum + rows, 0);

async function during(work: Promise<void>, tell: () => Promise<void>): Promise<void> {
  await Promise.all([work, tell()]);
}
