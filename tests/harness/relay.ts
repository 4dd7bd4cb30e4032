/** Forwards Unix sockets to TCP ports of the network namespace that it runs in. Arguments: SOCKET PORT, repeated. */
import { connect, createServer } from 'node:net';

const pairs = process.argv.slice(2);
for (let index = 0; index < pairs.length; index += 2) {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: Number(pairs[index + 1]), host: '127.0.0.1', allowHalfOpen: true });
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(pairs[index], resolve));
}
console.log('open');
