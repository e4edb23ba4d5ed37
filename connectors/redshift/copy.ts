import { SyncError } from '../../protocol/index.ts';
import { nullText } from './line.ts';
import type { RedshiftConfig } from './config.ts';
import { asRedshiftError } from './errors.ts';
import type { RedshiftSession } from './session.ts';
import { quoteLiteral, quoteName } from './sql.ts';

export interface Copied {
  /** Quoted, with its schema. */
  readonly table: string;
  readonly columns: readonly string[];
  /** `s3://bucket/key` of the manifest. */
  readonly manifest: string;
}

/**
 * Loads the files of a manifest, all of them or none: without MAXERROR the first line that does not fit ends it. No value is cut
 * (TRUNCATECOLUMNS), emptied (EMPTYASNULL, BLANKSASNULL) or replaced (ACCEPTINVCHARS). (…/dg/r_COPY.html)
 */
export function copySql(config: RedshiftConfig, { table, columns, manifest }: Copied): string {
  return [
    `COPY ${table} (${columns.map(quoteName).join(', ')})`,
    `FROM ${quoteLiteral(manifest)}`,
    credentialsSql(config),
    ...(config.region === undefined ? [] : [`REGION ${quoteLiteral(config.region)}`]),
    // …/dg/copy-parameters-data-source-s3.html#copy-manifest: every file is mandatory there.
    `MANIFEST FORMAT AS CSV NULL AS ${quoteLiteral(nullText)} GZIP`,
    'COMPUPDATE OFF STATUPDATE OFF',
  ].join(' ');
}

/** A role or a key, never both. (…/dg/copy-parameters-authorization.html) */
function credentialsSql(config: RedshiftConfig): string {
  const { iam_role: role, access_key_id: id, secret_access_key: secret } = config;
  if (role !== undefined) return `IAM_ROLE ${role === 'default' ? 'default' : quoteLiteral(role)}`;
  if (id === undefined || secret === undefined)
    throw new SyncError('config_error', 'Redshift has nothing to read the bucket with.', {
      origin: 'destination',
      place: 'iam_role in the config of the destination',
      remedy:
        'Set iam_role: the worker’s own credentials are not passed on. Or set access_key_id and secret_access_key.',
    });
  const token = config.session_token;
  return [
    `ACCESS_KEY_ID ${quoteLiteral(id)} SECRET_ACCESS_KEY ${quoteLiteral(secret)}`,
    ...(token === undefined ? [] : [`SESSION_TOKEN ${quoteLiteral(token)}`]),
  ].join(' ');
}

/** What COPY says of a line that it did not take. */
const loadFailed = /load into table|sys_load_error_detail|stl_load_errors/i;

/** The error of a COPY, with what the server noted of it: where it was, and of which kind, but nothing of the record itself. */
export async function asCopyError(
  error: unknown,
  { session, place, table }: { session: RedshiftSession; place: string; table: string },
  abort: AbortSignal,
): Promise<SyncError> {
  const { message = '' } = (error ?? {}) as { message?: string };
  if (abort.aborted || error instanceof SyncError || !loadFailed.test(message))
    return asRedshiftError(error, abort, place);
  return new SyncError('system_error', 'Redshift refused a line of a file.', {
    ...{ origin: 'destination', place: `${place}, table ${table}`, cause: error },
    remedy:
      'Look into sys_load_error_detail with the facts of this error, and report it: what Tidemark writes should load.',
    facts: await detailOf(session),
  });
}

/** …/dg/SYS_LOAD_ERROR_DETAIL.html. Its `error_message` may hold characters of the value. */
async function detailOf(session: RedshiftSession): Promise<Record<string, string>> {
  try {
    const { rows } = await session.query(
      `SELECT file_name, line_number, column_name, column_type, error_code FROM sys_load_error_detail
       WHERE session_id = ${session.processId} ORDER BY start_time DESC LIMIT 1`,
    );
    const found = Object.entries(rows[0] ?? {}).filter(([, value]) => value !== null);
    return Object.fromEntries(found.map(([name, value]) => [name, String(value).trim()]));
  } catch {
    // What is to be told is the error of the COPY.
    return {};
  }
}
