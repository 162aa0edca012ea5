// The training process: one job at a time, told and asked by messages alone. It ignores SIGINT and SIGTERM (a terminal sends
// them to the whole group; its parent decides) and leaves when its channel closes, so that no orphan trains on.
import { toProblem } from '../errors.ts';
import { kernelVersion } from '../native.ts';
import type { FromWorker, ToWorker, TrainingTask } from './protocol.ts';
import { runTask } from './runTask.ts';

/** What the job under way is told. */
interface Orders {
  cancelling: AbortController;
  pausing: boolean;
  learningRate: number | null;
}

let job: Orders | null = null;

function send(message: FromWorker): void {
  // A closed channel means that nobody is left to tell: `disconnect` ends the process.
  process.send?.(message, undefined, undefined, () => {});
}

async function start(task: TrainingTask): Promise<void> {
  const orders: Orders = { cancelling: new AbortController(), pausing: false, learningRate: null };
  job = orders;
  send({ type: 'started', isa: task.isa, kernelVersion });
  try {
    const events = runTask(task, {
      cancel: orders.cancelling.signal,
      pausing: () => orders.pausing,
      takeRate() {
        const { learningRate } = orders;
        orders.learningRate = null;
        return learningRate;
      },
    });
    for (;;) {
      const { value, done } = await events.next();
      if (done) {
        send(value);
        break;
      }
      send(value);
    }
  } catch (error) {
    const problem = toProblem(error);
    if (problem.code === 'internal') console.error(error);
    send({ type: 'failed', problem });
  } finally {
    job = null;
  }
}

process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToWorker) => {
  if (message.type === 'start') void start(message.task);
  else if (message.type === 'leave') process.exit(0);
  else if (!job) return;
  else if (message.type === 'cancel') job.cancelling.abort();
  else if (message.type === 'pause') job.pausing = true;
  else job.learningRate = message.learningRate;
});
send({ type: 'ready' });
