/** What a cell of the matrix varies, with the words for people. The order is that of the published table. */
export const faults = {
  kill: 'SIGKILL',
  term: 'SIGTERM',
  freeze: 'SIGSTOP, later SIGCONT',
  cut: 'network cut',
  slow: 'network slow',
  lost: 'answer lost',
  disk: 'disk full',
  restart: 'restart',
} as const;

export const victims = {
  worker: 'worker',
  source: 'source process',
  destination: 'destination',
  temporal: 'Temporal',
} as const;

export const instants = {
  first: 'first batch',
  mid: 'mid-stream',
  commit: 'during a commit',
  echo: 'between COMMIT and echo',
  end: 'at the end',
  publish: 'during publish',
} as const;

export const destinations = {
  postgres: 'Postgres',
  mysql: 'MySQL',
  duckdb: 'DuckDB',
  files: 'files',
  s3: 'S3',
  program: 'a program',
} as const;

/** Cells of their own, not of the table: see warehouses.ts. */
export const warehouses = {
  snowflake: 'Snowflake',
  bigquery: 'BigQuery',
  redshift: 'Redshift',
} as const;

/** Of those only. */
export const loadInstants = {
  send: 'a file on its way',
  load: 'files being loaded',
} as const;

/** Those that are servers. */
const serving = ['postgres', 'mysql', 's3'] as const;
export type Serving = (typeof serving)[number];
export const isServing = (destination: Cell['destination']): destination is Serving =>
  (serving as readonly string[]).includes(destination);

/** One sync, struck once. */
export interface Cell {
  readonly fault: keyof typeof faults;
  readonly victim: keyof typeof victims;
  readonly instant: keyof typeof instants | keyof typeof loadInstants;
  readonly destination: keyof typeof destinations | keyof typeof warehouses;
}

const keysOf = <T extends object>(words: T): (keyof T)[] => Object.keys(words) as (keyof T)[];

/** Every combination, whether it can be or not. */
export const allCells: readonly Cell[] = keysOf(faults).flatMap((fault) =>
  keysOf(victims).flatMap((victim) =>
    keysOf(instants).flatMap((instant) =>
      keysOf(destinations).map((destination) => ({ fault, victim, instant, destination })),
    ),
  ),
);

/** As `--cell` takes it. */
export const idOf = ({ fault, victim, instant, destination }: Cell): string =>
  [fault, victim, instant, destination].join('-');

/** The words of a cell, in the order of the table's columns. */
export const wordsOf = ({ fault, victim, instant, destination }: Cell): readonly string[] => [
  faults[fault],
  victims[victim],
  { ...instants, ...loadInstants }[instant],
  { ...destinations, ...warehouses }[destination],
];
