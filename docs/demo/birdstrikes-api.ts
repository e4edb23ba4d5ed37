import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A remote API is not instant. With this the read takes about 20 seconds, long enough to be killed in the middle. */
const latencyMs = 180;
const pageRecordsDefault = 100;

type Birdstrike = Readonly<Record<string, string | number>>;

export interface BirdstrikesApi {
  readonly url: string;
  readonly records: number;
  close(): void;
}

/**
 * Serves real bird strikes (FAA, 1990 to 2002, from the npm package vega-datasets) as a paged HTTP API:
 * `/birdstrikes?since=1990-01-01&until=1990-01-31&cursor=0&limit=100`, sorted by date, then id.
 */
export async function serveBirdstrikes(): Promise<BirdstrikesApi> {
  const records = readBirdstrikes();
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
    const body = JSON.stringify(pageOf(records, query));
    setTimeout(() => {
      response.setHeader('Content-Type', 'application/json');
      response.end(body);
    }, latencyMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    records: records.length,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function pageOf(records: readonly Birdstrike[], query: URLSearchParams): object {
  const since = query.get('since') ?? '';
  const until = query.get('until') ?? '9';
  const from = Number(query.get('cursor') ?? 0);
  const to = from + Number(query.get('limit') ?? pageRecordsDefault);
  const found = records.filter((r) => r['flight_date']! >= since && r['flight_date']! <= until);
  const more = to < found.length;
  return { data: found.slice(from, to), has_more: more, next_cursor: more ? String(to) : null };
}

function readBirdstrikes(): readonly Birdstrike[] {
  const entry = fileURLToPath(import.meta.resolve('vega-datasets'));
  const csv = readFileSync(new URL('../data/birdstrikes.csv', `file://${entry}`), 'utf8');
  const [head = '', ...lines] = csv.trim().split(/\r?\n/);
  const keys = head.split(',').map(keyOf);
  const records = lines.map((line, i): Birdstrike => {
    const values = line.split(',');
    if (values.length !== keys.length || line.includes('"'))
      throw new Error(`birdstrikes.csv:${i + 2} is not as expected: ${line}`);
    return { id: i + 1, ...Object.fromEntries(keys.map((key, k) => [key, values[k]!])) };
  });
  const order = (r: Birdstrike): string =>
    `${r['flight_date']} ${String(r['id']).padStart(9, '0')}`;
  return records.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** `Cost Total $` becomes `cost_total_usd`. */
function keyOf(header: string): string {
  return header.trim().toLowerCase().replaceAll(' ', '_').replaceAll('$', 'usd');
}
