// node orders-api.mjs [port] [ms for each page] [orders]
// A pretended service: orders by their number, at most 100 at a time, for who knows the token. GET /orders?after=0
import { createServer } from 'node:http';

const [port = 8099, pageMs = 300, count = 5_000] = process.argv.slice(2).map(Number);
const token = 'open-sesame';
const orders = Array.from({ length: count }, (_, i) => ({
  id: i + 1,
  item: ['tea', 'milk', 'bread'][i % 3],
  price: (i % 50) + 0.25,
  ordered_at: new Date(Date.UTC(2024, 0, 1) + i * 60_000).toISOString(),
}));

const server = createServer((request, response) => {
  const after = Number(new URL(request.url, 'http://api').searchParams.get('after') ?? 0);
  const known = request.headers.authorization === `Bearer ${token}`;
  setTimeout(() => {
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? orders.slice(after, after + 100) : []));
  }, pageMs);
});
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
