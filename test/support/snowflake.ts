import { randomBytes, randomUUID } from 'node:crypto';
import type { SnowflakeConfig } from '../../connectors/snowflake/index.ts';
import { snowflakeSecrets } from './snowflake-server.ts';

/** A schema of its own, looked at with another client than the product's. */
export interface TestSnowflake {
  readonly config: SnowflakeConfig;
  readonly schema: string;
  /** Every value as Postgres writes it as text; names in lower case. */
  query(sql: string): Promise<readonly Readonly<Record<string, string | null>>[]>;
  drop(): Promise<void>;
}

export const snowflakeUrl = (): string => {
  const url = process.env['TEST_SNOWFLAKE_URL'];
  if (url === undefined) throw new Error('TEST_SNOWFLAKE_URL is not set: see test/support.');
  return url;
};

interface Reply {
  readonly success: boolean;
  readonly message?: string;
  readonly data: {
    readonly token?: string;
    readonly rowtype?: readonly { readonly name: string; readonly type: string }[];
    readonly rowset?: readonly (readonly (string | null)[])[];
  };
}

async function post(path: string, body: unknown, token?: string): Promise<Reply['data']> {
  const answer = await fetch(`${snowflakeUrl()}${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(token !== undefined && { Authorization: `Snowflake Token="${token}"` }),
    },
    body: JSON.stringify(body),
  });
  const { success, message, data } = (await answer.json()) as Reply;
  if (!success) throw new Error(message);
  return data;
}

const padded = (n: number): string => String(n).padStart(2, '0');

/** `seconds.nanos`, as Postgres writes the fraction. */
function fractionOf(text: string): string {
  const digits = (text.split('.')[1] ?? '').replace(/0+$/, '');
  return digits === '' ? '' : `.${digits}`;
}

const nanosPerSecond = 1_000_000_000n;

function timestampOf(seconds: string): string {
  const nanos = BigInt(seconds.replace('.', ''));
  const within = ((nanos % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  const second = new Date(Number((nanos - within) / 1_000_000n)).toISOString();
  const fraction = fractionOf(`0.${String(within).padStart(9, '0')}`);
  return `${second.slice(0, 19).replace('T', ' ')}${fraction}`;
}

function textOf(value: string, type: string): string {
  switch (type) {
    case 'boolean':
      return value === '1' ? 'true' : 'false';
    case 'date':
      return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
    case 'time': {
      const seconds = Math.floor(Number(value));
      const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor).map(padded);
      return `${parts.join(':')}${fractionOf(value)}`;
    }
    case 'timestamp_ntz':
      return timestampOf(value);
    case 'timestamp_tz':
      return `${timestampOf(value.split(' ')[0]!)}+00`;
    default:
      return value;
  }
}

export async function testSnowflake(): Promise<TestSnowflake> {
  const schema = `s_${randomBytes(6).toString('hex')}`;
  const { user, password } = snowflakeSecrets;
  const login = {
    LOGIN_NAME: user,
    PASSWORD: password,
    ACCOUNT_NAME: 'test',
    SESSION_PARAMETERS: {},
  };
  const at = 'databaseName=TIDEMARK&warehouse=TIDEMARK_WH';
  const { token } = await post(`/session/v1/login-request?${at}`, { data: login });
  const query: TestSnowflake['query'] = async (sqlText) => {
    const path = `/queries/v1/query-request?requestId=${randomUUID()}`;
    const { rowtype = [], rowset = [] } = await post(path, { sqlText }, token);
    return rowset.map((row) =>
      Object.fromEntries(
        row.map((value, i) => {
          const { name, type } = rowtype[i]!;
          return [name.toLowerCase(), value === null ? null : textOf(value, type)];
        }),
      ),
    );
  };
  await query(`CREATE SCHEMA "TIDEMARK"."${schema.toUpperCase()}"`);
  return {
    schema,
    config: {
      ...{ url: snowflakeUrl(), username: user, password },
      ...{ role: 'TIDEMARK_ROLE', warehouse: 'TIDEMARK_WH', database: 'TIDEMARK', schema },
    },
    query,
    async drop() {
      await query(`DROP SCHEMA IF EXISTS "TIDEMARK"."${schema.toUpperCase()}" CASCADE`);
      await post('/session?delete=true', {}, token);
    },
  };
}
