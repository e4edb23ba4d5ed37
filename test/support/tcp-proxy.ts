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
  /** Connections cut so far by `cutAt`. */
  readonly cuts: number;
  /** Cuts the first connection on which the condition is met, once. */
  cutAt(cut: Cut): void;
  /** Bytes a second from client to server, of all connections together; null: no limit. */
  throttle(bytesPerSecond: number | null): void;
  close(): Promise<void>;
}

/** A TCP proxy on a free port in front of a real server. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let armed: Cut | null = null;
  let cuts = 0;
  let limit: number | null = null;

  const server = createServer((client) => {
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
      own.pause();
      setTimeout(() => own.resume(), (piece.length / limit) * 1_000);
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
    throttle(bytesPerSecond) {
      limit = bytesPerSecond;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
