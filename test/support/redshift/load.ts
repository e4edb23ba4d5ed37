import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ownerKey } from '../s3-server.ts';
import { csvRows } from './csv.ts';

/** The role that may read every bucket. */
export const copyRole = 'arn:aws:iam::123456789012:role/tidemark-copy';

/** A COPY of CSV files by a manifest, with the options that the connector uses and no others. (docs.aws.amazon.com/redshift/latest/dg/r_COPY.html) */
export interface Copy {
  readonly table: string;
  /** Quoted, as they stand there. */
  readonly columns: readonly string[];
  readonly bucket: string;
  readonly key: string;
  readonly role: string | null;
  readonly accessKey: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  readonly nullText: string;
}

const literal = String.raw`'((?:[^'\\]|\\[^]|'')*)'`;
const quotedName = String.raw`"(?:[^"]|"")*"`;
const statement = new RegExp(
  String.raw`^\s*COPY\s+(\S+)\s+\((${quotedName}(?:,\s*${quotedName})*)\)\s+FROM\s+'s3://([^/']+)/([^']+)'\s+(?:IAM_ROLE\s+(?:${literal}|(default))|ACCESS_KEY_ID\s+${literal}\s+SECRET_ACCESS_KEY\s+${literal})(?:\s+REGION\s+${literal})?\s+MANIFEST\s+FORMAT\s+AS\s+CSV\s+NULL\s+AS\s+${literal}\s+GZIP\s+COMPUPDATE\s+OFF\s+STATUPDATE\s+OFF\s*$`,
  'i',
);

export const isCopy = (sql: string): boolean => /^\s*copy\b/i.test(sql);

/** null: it is none that Redshift would take from this connector. */
export function copyOf(sql: string): Copy | null {
  const match = statement.exec(sql);
  if (match === null) return null;
  const [, table, columns, bucket, key, role, isDefault, id, secret, , nullText] = match;
  const accessKey = { accessKeyId: plain(id ?? ''), secretAccessKey: plain(secret ?? '') };
  return {
    table: table!.toLowerCase(),
    columns: columns!.match(new RegExp(quotedName, 'g'))!,
    bucket: bucket!,
    key: key!,
    role: role === undefined ? (isDefault === undefined ? null : copyRole) : plain(role),
    accessKey: id === undefined ? null : accessKey,
    nullText: plain(nullText!),
  };
}

const plain = (text: string): string => text.replaceAll("''", "'").replace(/\\([^])/g, '$1');

/** What COPY fails with. */
export class CopyFailure extends Error {
  /** Of the line that was not taken. */
  readonly detail: LoadErrorDetail | null;
  constructor(message: string, detail: LoadErrorDetail | null = null) {
    super(message);
    this.detail = detail;
  }
}

/** …/dg/SYS_LOAD_ERROR_DETAIL.html, …/dg/r_Load_Error_Reference.html */
export interface LoadErrorDetail {
  readonly file: string;
  readonly line: number;
  readonly column: string;
  readonly type: string;
  readonly code: number;
  readonly message: string;
}

export interface LoadColumn {
  readonly name: string;
  /** As the catalog spells it. */
  readonly type: string;
}

/** The files as Postgres' own COPY takes them: texts between tabs. Throws a CopyFailure. */
export async function rowsToLoad(
  copy: Copy,
  columns: readonly LoadColumn[],
  endpoint: string,
): Promise<string> {
  if (copy.role !== null && copy.role !== copyRole)
    throw new CopyFailure(
      `User arn:aws:redshift:us-east-1:123456789012:dbuser:cluster/user is not authorized to assume IAM Role ${copy.role}`,
    );
  const client = clientOf(copy, endpoint);
  try {
    const manifest = await objectAt(client, copy.bucket, copy.key);
    const { entries } = JSON.parse(manifest.toString()) as {
      entries: readonly { readonly url: string; readonly mandatory?: boolean }[];
    };
    let lines = '';
    for (const { url, mandatory = false } of entries) {
      const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(url) ?? [];
      const bytes = await objectAt(client, bucket, key).catch((error: unknown) => {
        if (mandatory || !(error as Error).message.includes('NoSuchKey')) throw error;
        return null;
      });
      if (bytes !== null) lines += linesOf(gunzipSync(bytes), { copy, columns, url });
    }
    return lines;
  } finally {
    client.destroy();
  }
}

const clientOf = ({ accessKey }: Copy, endpoint: string): S3Client =>
  new S3Client({
    ...{ endpoint, region: 'us-east-1', forcePathStyle: true },
    credentials: accessKey ?? { accessKeyId: ownerKey.id, secretAccessKey: ownerKey.secret },
  });

async function objectAt(client: S3Client, Bucket: string, Key: string): Promise<Buffer> {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return Buffer.from(await Body!.transformToByteArray());
  } catch (error) {
    const { name, message, $metadata } = error as Error & {
      $metadata?: { httpStatusCode?: number };
    };
    throw new CopyFailure(
      `S3ServiceException:${message},Status ${$metadata?.httpStatusCode ?? 0},Error ${name},Rid 0,CanRetry 1`,
    );
  }
}

/** Bytes of a row, at most. (…/dg/r_COPY.html) */
const rowBytesMax = 4 * 1024 * 1024;

function linesOf(
  bytes: Buffer,
  { copy, columns, url }: { copy: Copy; columns: readonly LoadColumn[]; url: string },
): string {
  let lines = '';
  let line = 0;
  for (const cells of csvRows(bytes)) {
    line += 1;
    const refuse = (code: number, message: string, column?: LoadColumn): CopyFailure =>
      new CopyFailure(
        `Load into table '${copy.table}' failed. Check 'sys_load_error_detail' system table for details.`,
        { file: url, line, column: column?.name ?? '', type: column?.type ?? '', code, message },
      );
    // A NUL ends the record. (…/dg/copy-parameters-data-conversion.html#copy-null-as)
    const nul = cells.findIndex((cell) => cell.includes('\0'));
    if (cells.length > columns.length) throw refuse(1202, 'Extra column(s) found');
    if (cells.length < columns.length || nul >= 0) throw refuse(1203, 'Delimiter not found');
    if (cells.reduce((sum, cell) => sum + Buffer.byteLength(cell), 0) > rowBytesMax)
      throw refuse(1204, 'Row exceeds 4 MB');
    lines += `${columns.map((column, i) => cellText(cells[i]!, column, { copy, refuse })).join('\t')}\n`;
  }
  return lines;
}

function cellText(
  cell: string,
  column: LoadColumn,
  {
    copy,
    refuse,
  }: { copy: Copy; refuse: (code: number, why: string, of: LoadColumn) => CopyFailure },
): string {
  // The reference leaves it open whether quotes matter here: they do not.
  if (cell === copy.nullText) return '\\N';
  const [, charsMax] = /^character varying\((\d+)\)$/.exec(column.type) ?? [];
  if (charsMax === undefined && cell === '') return '\\N';
  if (charsMax !== undefined && Buffer.byteLength(cell) > Number(charsMax))
    throw refuse(1204, 'String length exceeds DDL length', column);
  if (column.type === 'super' && !isJson(cell)) throw refuse(1224, 'Invalid JSON', column);
  return cell.replace(/[\\\t\n\r]/g, (one) => escapes[one]!);
}

const escapes: Readonly<Record<string, string>> = {
  ...{ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' },
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
