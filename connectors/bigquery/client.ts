import type { AuthClient } from 'google-auth-library';
import { again } from './again.ts';
import { keyOf, type BigQueryConfig } from './config.ts';
import { asServiceError, isPassing, ServiceError } from './service-error.ts';

const google = {
  bigquery: 'https://bigquery.googleapis.com',
  storage: 'https://storage.googleapis.com',
} as const;
/** Of files in a bucket: cloud.google.com/storage/docs/oauth-scopes */
const scopes = {
  bigquery: 'https://www.googleapis.com/auth/bigquery',
  storage: 'https://www.googleapis.com/auth/devstorage.read_write',
} as const;

/** Of a request without data, ms: the service itself waits no longer than 30 s for a job. */
const requestMsMax = 60_000;
/** Of one that brings a file, ms. */
const uploadMsMax = 600_000;
/** Of each request; then the attempt fails and Temporal retries. */
const patience = { triesMax: 6, pauseMs: 400, pauseMsMax: 5_000 };

export interface Request {
  /** Absent: BigQuery. */
  readonly api?: keyof typeof google;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Of the project: `/jobs`. Of Cloud Storage: `/b/bucket`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  /** Bytes after the body, which then is what they are about; or bytes alone. */
  readonly media?: Uint8Array;
}

/**
 * BigQuery's REST API (cloud.google.com/bigquery/docs/reference/rest), and what of Cloud Storage's JSON API is needed beside. Google's own client library for it can neither be stopped in the middle of a
 * request nor be kept from starting a job twice; its library for credentials is used.
 */
export interface Client {
  /** Repeats what failed on the way, or was put off: what is asked must bear that. Throws ServiceErrors. */
  send<T>(request: Request, abort: AbortSignal): Promise<T>;
}

/** What a request gives, once it is there; null: not found. */
export async function found<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ServiceError && error.status === 404) return null;
    throw error;
  }
}

export function createClient(config: BigQueryConfig): Client {
  let signer: Promise<AuthClient> | null = null;
  const once = async <T>(request: Request, abort: AbortSignal): Promise<T> => {
    const late = AbortSignal.timeout(request.media === undefined ? requestMsMax : uploadMsMax);
    try {
      // A failed login is tried anew.
      const client = await (signer ??= signerOf(config).catch((error: unknown) => {
        signer = null;
        throw error;
      }));
      const { data } = await client.request<T>({
        ...optionsOf(config, request),
        // Not the driver's own `timeout` and fetch: they go on in spite of an earlier abort, and end the process at another.
        fetchImplementation: fetch,
        signal: AbortSignal.any([abort, late]),
        retry: false,
        responseType: 'json',
      });
      return data;
    } catch (error) {
      if (late.aborted && !abort.aborted) throw tookTooLong(error);
      throw asServiceError(error);
    }
  };
  return {
    send: (request, abort) => again(patience, isPassing, abort, () => once(request, abort)),
  };
}

/** An emulator is sent no credentials, whosever they are. */
async function signerOf(config: BigQueryConfig): Promise<AuthClient> {
  const key = config.credentials_json === undefined ? null : keyOf(config.credentials_json);
  // Loaded when it is needed: a worker without BigQuery need not have it.
  const { GoogleAuth, JWT, PassThroughClient } = await import('google-auth-library');
  if (config.endpoint !== undefined) return new PassThroughClient();
  const asked = [scopes.bigquery, ...(config.staging_bucket === undefined ? [] : [scopes.storage])];
  if (key === null) return new GoogleAuth({ scopes: asked }).getClient();
  return new JWT({ email: key.email, key: key.privateKey, scopes: asked });
}

function optionsOf(
  { project, endpoint }: BigQueryConfig,
  { api = 'bigquery', method, path, query = {}, body, media }: Request,
) {
  const root = endpoint ?? google[api];
  const place =
    api === 'storage'
      ? `/storage/v1${path}`
      : `/bigquery/v2/projects/${encodeURIComponent(project)}${path}`;
  if (media === undefined)
    return {
      ...{ url: `${root}${place}`, method, params: query },
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    };
  return {
    ...{ url: `${root}/upload${place}`, method },
    ...(body === undefined
      ? {
          params: { ...query, uploadType: 'media' },
          headers: { 'content-type': 'application/octet-stream' },
          body: media,
        }
      : {
          params: { ...query, uploadType: 'multipart' },
          headers: { 'content-type': `multipart/related; boundary=${boundary}` },
          body: multipart(JSON.stringify(body), media),
        }),
  };
}

/** In no gzip'd bytes but by a chance that is none: 128 bits. */
const boundary = 'tidemark-0f9c2b7d41e84d6fa3c65b1e27d0894a';

/** cloud.google.com/bigquery/docs/reference/api-uploads#multipart */
const multipart = (body: string, media: Uint8Array): Uint8Array =>
  Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${body}\r\n` +
        `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`,
    ),
    media,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);

const tookTooLong = (error: unknown): ServiceError =>
  new ServiceError('network', { reason: 'timeout', message: 'No answer in time.' }, error);
