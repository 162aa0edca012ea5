import { expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { planJob } from '../../src/nn/plan.ts';
import { type EpochTask, measureEpoch } from '../../src/training/epochTime.ts';

function taskOf(samples: { train: number; validation: number }, layers: object[], training: object = {}): EpochTask {
  const dataset = {
    task: 'classification' as const,
    inputShape: [6, 6, 1],
    inputType: 'uint8' as const,
    targetShape: [],
    classes: ['a', 'b', 'c'],
    samples,
  };
  const network = { layers: [...layers, { type: 'flatten' }, { type: 'dense', units: 3 }] } as never;
  const plan = planJob({ network, training, dataset });
  return {
    network: plan.network,
    training: plan.training,
    targets: 'classes',
    inputType: 'uint8',
    targetShape: [],
    samples,
    memoryBytes: plan.memoryBytes,
    isa: isas[0]!,
    threads: 2,
  };
}

test('a short epoch is run as a whole, a long one is worked out from its steps', async () => {
  const short = await measureEpoch(taskOf({ train: 20, validation: 10 }, [], { batchSize: 1 }));
  expect(short).toBeGreaterThan(0);
  const layers = [{ type: 'conv2d', filters: 16, kernel: 3, padding: 'same' }, { type: 'batchNorm' }];
  const long = await measureEpoch(taskOf({ train: 1_000_000, validation: 0 }, layers));
  expect(long).toBeGreaterThan(short!);
  // So it is of more epochs of the same: a rate, whatever the machine.
  const tenth = await measureEpoch(taskOf({ train: 100_000, validation: 0 }, layers));
  expect(long! / tenth!).toBeGreaterThan(2);
});

test('a measurement that fails says so', async () => {
  const task = taskOf({ train: 20, validation: 0 }, []);
  await expect(measureEpoch({ ...task, isa: 'abacus' })).rejects.toThrow(/abacus/);
});

test('a network too large to be tried has no time', async () => {
  const task = taskOf({ train: 20, validation: 0 }, [{ type: 'flatten' }, { type: 'dense', units: 1_000_000 }]);
  expect(await measureEpoch(task)).toBeNull();
});
