// The listeners of the drill, in a process of their own: so many connections to a job's events, half of which never read.
// Argument: {"port", "job", "listeners"} as JSON. Sends {readers, bytes, oldestId} once all are connected, and whenever it is asked to.
import { connect, type Socket } from 'node:net';

const { port, job, listeners } = JSON.parse(process.argv[2]!) as { port: number; job: string; listeners: number };

let bytes = 0;
let connected = 0;
let lost = 0;
/** Of each reader: the end of what came last, where its newest id stands. */
const tails: string[] = [];
const sockets: Socket[] = [];

for (let i = 0; i < listeners; i++) {
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`GET /v1/jobs/${job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    if (++connected === listeners) report();
  });
  socket.on('error', () => {});
  socket.on('close', () => lost++);
  sockets.push(socket);
  if (i % 2 === 1) {
    socket.pause();
    continue;
  }
  const reader = tails.push('') - 1;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    tails[reader] = (tails[reader]! + chunk.toString('latin1', Math.max(0, chunk.length - 1000))).slice(-2000);
  });
}

function report(): void {
  const ids = tails.map((tail) => Number([...tail.matchAll(/^id: (\d+)\n/gm)].at(-1)?.[1] ?? 0));
  process.send!({ readers: ids.length, bytes, lost, oldestId: Math.min(...ids) });
}

process.on('message', report);
process.on('disconnect', () => process.exit());
