import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** When to cut: told of each piece of traffic before it goes on. True cuts the connection, and the piece with `drop` is lost. */
export interface Cut {
  readonly from: 'client' | 'server';
  /** The text whose arrival arms the cut. */
  readonly text: string;
  /** Cut once the piece was passed on and the other side begins to answer: the answer is lost. Else the piece itself is lost. */
  readonly loseAnswer: boolean;
}

export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** Connections cut so far. */
  readonly cuts: number;
  /** Pieces of traffic that a limit has held back so far. */
  readonly held: number;
  /** Cuts the first connection on which the condition is met, once. */
  cutAt(cut: Cut): void;
  /** Cuts every connection now, and new ones as they come, until it is told otherwise. */
  away(isAway: boolean): void;
  /** Bytes a second from client to server, of all connections together; null: no limit, also for what waits. */
  throttle(bytesPerSecond: number | null): void;
  close(): Promise<void>;
}

/** A TCP proxy on a free port in front of a real server. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let armed: Cut | null = null;
  let cuts = 0;
  let limit: number | null = null;
  let held = 0;
  let isOff = false;
  /** What a limit holds back. */
  const waiting = new Set<() => void>();

  const server = createServer((client) => {
    if (isOff) {
      cuts += 1;
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(target);
    const pair = [client, upstream];
    let answerLost = false;
    for (const socket of pair) {
      sockets.add(socket);
      // A reset is what this proxy is for.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        for (const one of pair) one.destroy();
      });
    }
    const cut = (): void => {
      cuts += 1;
      for (const socket of pair) socket.resetAndDestroy();
    };
    const pass = (from: Cut['from'], to: Socket, own: Socket) => (piece: Buffer) => {
      if (answerLost && from === 'server') return cut();
      if (armed !== null && armed.from === from && piece.includes(armed.text)) {
        const { loseAnswer } = armed;
        armed = null;
        if (!loseAnswer) return cut();
        answerLost = true;
      }
      if (!to.write(piece)) {
        own.pause();
        to.once('drain', () => own.resume());
      }
      if (from !== 'client' || limit === null) return;
      held += 1;
      own.pause();
      const timer = setTimeout(() => go(), (piece.length / limit) * 1_000);
      const go = (): void => {
        clearTimeout(timer);
        waiting.delete(go);
        own.resume();
      };
      waiting.add(go);
    };
    client.on('data', pass('client', upstream, client));
    upstream.on('data', pass('server', client, upstream));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    cutAt(cut) {
      armed = cut;
    },
    get held() {
      return held;
    },
    away(isAway) {
      isOff = isAway;
      if (!isAway) return;
      cuts += Math.ceil(sockets.size / 2);
      for (const socket of sockets) socket.resetAndDestroy();
    },
    throttle(bytesPerSecond) {
      limit = bytesPerSecond;
      if (limit === null) for (const go of waiting) go();
    },
    async close() {
      server.close();
      for (const go of waiting) go();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
