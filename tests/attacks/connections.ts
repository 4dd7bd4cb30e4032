/** Clients that do not keep to what a client does, at the admin endpoint and at a pool's socket. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { type Attack, pick, Tally } from './attack.ts';

type Client = (socket: Socket) => void;

/** Writes for as long as the other side takes it, with a pause of `gap` ms between the pieces. */
function keepWriting(socket: Socket, piece: () => string | Buffer, gap = 0): void {
  const push = (): void => {
    if (socket.destroyed) return;
    const more = socket.write(piece());
    if (!more) socket.once('drain', push);
    else if (gap > 0) setTimeout(push, gap);
    else setImmediate(push);
  };
  push();
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

const adminClients: Readonly<Record<string, Client>> = {
  'pipeline a file, read nothing': (to) =>
    keepWriting(to.pause(), () => get('/dashboard/uplot.js').repeat(50)),
  'pipeline figures, read nothing': (to) => keepWriting(to.pause(), () => get('/api/pools').repeat(50)),
  'a head byte by byte': (to) => {
    const head = `GET /api/pools HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(5000)}`;
    let at = 0;
    keepWriting(to.resume(), () => head[at++ % head.length] ?? '', 100);
  },
  'a body byte by byte': (to) => {
    to.write('POST /api/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n');
    keepWriting(to.resume(), () => 'x', 100);
  },
  'a head of a megabyte': (to) =>
    keepWriting(to.resume(), () => `GET / HTTP/1.1\r\nX: ${'a'.repeat(1 << 20)}\r\n`),
  'a body without end': (to) => {
    to.write('POST /api/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    keepWriting(to.resume(), () => `10000\r\n${'b'.repeat(65_536)}\r\n`);
  },
  'names of others': (to) =>
    keepWriting(
      to.resume(),
      () => 'POST /api/stop HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n',
      20,
    ),
  garbage: (to) => keepWriting(to.resume(), () => crypto.getRandomValues(Buffer.alloc(3000)), 5),
  silence: (to) => to.resume(),
};

function record(type: number, id: number, content: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([1, type, 0, id, content.length >> 8, content.length & 255, 0, 0]),
    content,
  ]);
}
const begin = record(1, 1, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0]));
const values = record(9, 0, Buffer.from('\x0f\x00FCGI_MPXS_CONNS', 'latin1'));

const poolClients: Readonly<Record<string, Client>> = {
  'GET_VALUES, read nothing': (to) =>
    keepWriting(to.pause(), () => Buffer.concat(Array<Buffer>(500).fill(values)), 5),
  'unknown records, read nothing': (to) =>
    keepWriting(to.pause(), () => record(200, 0, Buffer.alloc(8)).subarray(0), 1),
  'unknown roles, read nothing': (to) =>
    keepWriting(to.pause(), () => record(1, 7, Buffer.from([0, 9, 1, 0, 0, 0, 0, 0])), 1),
  'half a request': (to) => void to.resume().write(begin),
  'parameters byte by byte': (to) => {
    to.resume().write(begin);
    keepWriting(to, () => record(4, 1, Buffer.from([1])), 100);
  },
  'a body that never comes': (to) => {
    const length = Buffer.from('\x0e\x09CONTENT_LENGTH100000000', 'latin1');
    to.resume().write(Buffer.concat([begin, record(4, 1, length), record(4, 1, Buffer.alloc(0))]));
  },
  garbage: (to) => keepWriting(to.resume(), () => crypto.getRandomValues(Buffer.alloc(3000)), 5),
  silence: (to) => to.resume(),
};

const clients = { admin: adminClients, pool: poolClients } as const;

/** In a thread of its own: as many at a time, each followed by another one when its connection has been ended. */
function attack(path: string, kind: keyof typeof clients, atATime: number): void {
  const tally = new Tally();
  const open = new Set<Socket>();
  const start = (): void => {
    const [name, client] = pick(Object.entries(clients[kind]), Math.random);
    const socket = connect(path);
    open.add(socket);
    tally.add('connections');
    socket.on('error', () => tally.add('reset or refused'));
    socket.once('connect', () => client(socket));
    socket.once('close', () => {
      open.delete(socket);
      tally.add('bytes sent', socket.bytesWritten);
      tally.add(`ended: ${name}`);
      setTimeout(start, 10);
    });
  };
  for (let count = 0; count < atATime; count++) start();
  parentPort?.once('message', () => {
    for (const socket of open) tally.add('bytes sent', socket.bytesWritten);
    parentPort?.postMessage(tally.counts);
    process.exit();
  });
}

if (!isMainThread) attack(workerData.path, workerData.kind, workerData.atATime);

/** Asks like everybody else meanwhile, and tells how long it took at most. */
async function meanwhile(
  where: { path: string; kind: keyof typeof clients; atATime: number },
  goesOn: () => boolean,
  ask: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const worker = new Worker(new URL(import.meta.url), { workerData: where });
  const tally = new Tally();
  let longest = 0;
  while (goesOn()) {
    const from = performance.now();
    await ask().then(
      () => tally.add('others answered'),
      () => tally.add('others NOT answered'),
    );
    longest = Math.max(longest, performance.now() - from);
    await sleep(100);
  }
  const counts = new Promise<Record<string, number>>((resolve) => worker.once('message', resolve));
  worker.postMessage('end');
  return { ...(await counts), ...tally.counts, 'longest wait in ms': Math.round(longest) };
}

export const adminEndpoint: Attack = {
  what: '300 clients of the admin endpoint at a time',
  engine: 'native',
  run: ({ admin, goesOn }) =>
    meanwhile({ path: admin, kind: 'admin', atATime: 300 }, goesOn, () =>
      askAdmin({ socketPath: admin, path: '/api/pools' }),
    ),
};

const poolSocket = (engine: Attack['engine']): Attack => ({
  what: `100 clients of a pool’s own socket at a time (${engine} engine)`,
  engine,
  pool: () => 'pm.max_children = 4\nlisten.backlog = 1000',
  run: ({ server, goesOn }) => {
    const script = scriptParams(server.folder.write('www/one.php', '<?php echo 1;'));
    const where = { path: server.socket(), kind: 'pool', atATime: 100 } as const;
    return meanwhile(where, goesOn, () => request(server.socket(), script));
  },
});

export const nativeSocket = poolSocket('native');
export const embeddedSocket = poolSocket('embedded');
