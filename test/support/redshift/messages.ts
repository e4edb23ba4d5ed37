// Messages of Postgres' protocol, which Redshift speaks: a letter, a length that counts itself, a body.

export interface Message {
  readonly type: string;
  readonly body: Buffer;
}

const headBytes = 5;

export function framed({ type, body }: Message): Buffer {
  const head = Buffer.alloc(headBytes);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

export const queryMessage = (sql: string): Buffer =>
  framed({ type: 'Q', body: Buffer.from(`${sql}\0`) });

/** Takes bytes as they come; gives the messages that are whole. */
export function createFrames(): (chunk: Buffer) => Message[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const messages: Message[] = [];
    let at = 0;
    while (rest.length - at >= headBytes) {
      const end = at + 1 + rest.readInt32BE(at + 1);
      if (rest.length < end) break;
      const type = String.fromCharCode(rest[at]!);
      messages.push({ type, body: rest.subarray(at + headBytes, end) });
      at = end;
    }
    rest = rest.subarray(at);
    return messages;
  };
}

/** The statement of a Query or Parse message; null: it is another. */
export function statementIn({ type, body }: Message): string | null {
  if (type === 'Q') return body.toString('utf8', 0, body.length - 1);
  if (type !== 'P') return null;
  const start = body.indexOf(0) + 1;
  return body.toString('utf8', start, body.indexOf(0, start));
}

export function withStatement({ type, body }: Message, sql: string): Message {
  if (type === 'Q') return { type, body: Buffer.from(`${sql}\0`) };
  const start = body.indexOf(0) + 1;
  const end = body.indexOf(0, start);
  return {
    type,
    body: Buffer.concat([body.subarray(0, start), Buffer.from(sql), body.subarray(end)]),
  };
}

/** Of an error or a notice: by the letter of each field. */
export function fieldsOf({ body }: Message): Map<string, string> {
  const fields = body
    .toString('utf8')
    .split('\0')
    .filter((field) => field !== '');
  return new Map(fields.map((field) => [field[0]!, field.slice(1)]));
}

export function errorMessage(fields: ReadonlyMap<string, string>): Message {
  const text = [...fields].map(([letter, value]) => `${letter}${value}\0`).join('');
  return { type: 'E', body: Buffer.from(`${text}\0`) };
}

/** The values of a DataRow, as text. */
export function valuesOf({ body }: Message): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 2;
  for (let n = body.readInt16BE(0); n > 0; n -= 1) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return values;
}
