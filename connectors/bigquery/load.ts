import { checkCount, SyncError } from '../../protocol/index.ts';
import { again } from './again.ts';
import { jobPatience, type Job, type Jobs, type TableReference } from './jobs.ts';
import { isFailedInPassing } from './service-error.ts';

/** What goes into a table: bytes, or objects of a bucket. */
export interface Load {
  readonly to: TableReference;
  /** Of all that it brings. */
  readonly rows: number;
  readonly media?: Uint8Array;
  /** gs://bucket/object */
  readonly uris?: readonly string[];
}

/**
 * One job does all of it or nothing: cloud.google.com/bigquery/docs/batch-loading-data. `name`: of what is loaded, by its content. A job that has failed
 * has loaded nothing, whoever started it, and its name is used up: one of another name follows (/bigquery/docs/error-messages#backendError).
 */
export async function load(
  jobs: Jobs,
  name: string,
  { to, rows, media, uris }: Load,
  abort: AbortSignal,
): Promise<void> {
  const configuration = {
    load: { ...format, destinationTable: to, ...(uris !== undefined && { sourceUris: uris }) },
  };
  await again(jobPatience, isFailedInPassing, abort, async (attempt) => {
    const id = `tidemark_load_${name.replaceAll('.', '-')}_${attempt}`;
    prove(await jobs.run(id, configuration, abort, media), { to, rows, uris });
  });
}

/** Gzip is recognised. A line that is no JSON, or a key that is no column, fails the job: /docs/reference/rest/v2/Job#JobConfigurationLoad */
const format = {
  sourceFormat: 'NEWLINE_DELIMITED_JSON',
  writeDisposition: 'WRITE_APPEND',
  createDisposition: 'CREATE_NEVER',
  maxBadRecords: 0,
  ignoreUnknownValues: false,
};

/** The job may be an earlier one of the same name: that it loaded this into this table is looked at, not trusted. Invariant 6. */
function prove(
  { configuration, statistics }: Job,
  { to, rows, uris }: Pick<Load, 'to' | 'rows'> & { readonly uris: readonly string[] | undefined },
): void {
  const { destinationTable: into, sourceUris } = configuration?.load ?? {};
  const isSame =
    into?.datasetId === to.datasetId &&
    into.tableId === to.tableId &&
    (uris === undefined || uris.join() === sourceUris?.join());
  if (!isSame)
    throw new SyncError('system_error', 'A load job of this name loaded something else.', {
      origin: 'destination',
      place: `${to.datasetId}.${to.tableId}`,
      remedy: 'Nothing was committed. Retry; if it happens again, report it.',
    });
  checkCount({
    stream: to.tableId,
    given: rows,
    loaded: Number(statistics?.load?.outputRows ?? 0),
    committed: false,
  });
}
