import type { DdlGuard } from './ddl-guard.ts';
import type { Recorder } from './warehouse/statements.ts';

// What the product sends to BigQuery goes through the global `fetch`: each request is told here, and each statement in it.

interface Query {
  readonly query: string;
  readonly queryParameters?: readonly unknown[];
  readonly connectionProperties?: readonly { readonly key: string; readonly value: string }[];
}

interface Body {
  readonly jobReference?: unknown;
  readonly configuration?: { readonly query?: Query };
}

/** The tests' own way there, which nobody is told of. */
export const plainFetch: typeof fetch = globalThis.fetch;

/** Changes the answer to the next request that matches, once. */
export interface Trick {
  readonly request: RegExp;
  answer(response: Response): Promise<Response>;
}
let tricks: Trick[] = [];
export const trick = (one: Trick): void => void tricks.push(one);

const sessions = new Map<string, object>();
/** Sessions are objects to the guard. */
function sessionOf({ connectionProperties = [] }: Query): object {
  const name = connectionProperties.find(({ key }) => key === 'session_id')?.value ?? '';
  const session = sessions.get(name) ?? {};
  // A statement outside of them is in no transaction.
  if (name !== '') sessions.set(name, session);
  return session;
}

export function listenToFetch(recorder: Recorder, guard: DdlGuard): void {
  globalThis.fetch = async (input, init) => {
    const request = requestOf(input instanceof Request ? input.url : input, init);
    const { query } = request.body?.configuration ?? {};
    if (query !== undefined) {
      recorder.said(query.query);
      guard.said(sessionOf(query), query.query);
    }
    const told = `${init?.method ?? 'GET'} ${request.path}`;
    recorder.said(request.body === null ? told : `${told} ${textOf(request.body)}`);
    const response = await plainFetch(input, init);
    const at = tricks.findIndex((one) => one.request.test(told));
    return at < 0 ? response : tricks.splice(at, 1)[0]!.answer(response);
  };
}

function requestOf(text: string | URL, init: RequestInit | undefined) {
  const { pathname, searchParams } = new URL(text);
  const place = pathname.replace(/\/bigquery\/v2\/projects\/[^/]+/, '');
  const query = [...searchParams].map(([name, value]) => `${name}=${value}`).join('&');
  return { path: query === '' ? place : `${place}?${query}`, body: bodyOf(init?.body) };
}

/** Of an upload its first part. */
function bodyOf(body: unknown): Body | null {
  if (typeof body === 'string') return JSON.parse(body) as Body;
  if (!(body instanceof Uint8Array)) return null;
  const [, json] = /\r\n\r\n(\{.*?\})\r\n--/s.exec(Buffer.from(body).toString('latin1')) ?? [];
  // Into a bucket a file goes as it is.
  return json === undefined ? null : (JSON.parse(json) as Body);
}

/** The statement is listed by itself; values, and where it runs, are of a run. */
function textOf(body: Body): string {
  const { query } = body.configuration ?? {};
  const shown =
    query === undefined
      ? body
      : {
          ...body,
          configuration: {
            ...body.configuration,
            query: {
              ...{ ...query, query: '<statement>' },
              ...(query.queryParameters !== undefined && {
                queryParameters: [
                  { parameterType: { type: 'STRING' }, parameterValue: { value: '<value>' } },
                ],
              }),
              ...(query.connectionProperties !== undefined && {
                connectionProperties: [{ key: 'session_id', value: '<session>' }],
              }),
            },
          },
        };
  // With spaces, so that it can be wrapped.
  return JSON.stringify(shown, null, 1);
}
