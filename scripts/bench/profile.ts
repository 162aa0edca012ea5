// Where the time of a training step goes, instruction by instruction.
import { flopOf, instructionsOf, sizesOf } from './instructions.ts';
import { type Column, formatTable } from './table.ts';
import { type Workload, WorkloadBenchmark } from './workloads.ts';

interface ProfileLine {
  index: number;
  op: string;
  sizes: string;
  us: number;
  percent: number;
  gflops: number | null;
}

/** Runs training steps for `seconds` and returns what each instruction of a step took on average. */
export async function profileWorkload(workload: Workload, threads: number, seconds: number): Promise<ProfileLine[]> {
  const benchmark = new WorkloadBenchmark(workload, threads);
  const { program, request, rec } = benchmark;
  await program.train(request); // warms up
  const instructions = instructionsOf(rec);
  const nanoseconds = new Float64Array(instructions.length);
  let steps = 0;
  const end = performance.now() + seconds * 1000;
  do {
    const slice = await program.profile(request);
    steps += slice.steps;
    for (const [i, time] of slice.nanoseconds.entries()) nanoseconds[i]! += time;
  } while (performance.now() < end);
  benchmark.dispose();
  const total = nanoseconds.reduce((sum, time) => sum + time, 0);
  return instructions.map((instruction, index) => {
    const time = nanoseconds[index]!;
    const flop = flopOf(instruction, workload.batch);
    return {
      index,
      op: instruction.op,
      sizes: sizesOf(instruction, workload.batch),
      us: time / steps / 1000,
      percent: (100 * time) / total,
      gflops: flop > 0 ? (flop * steps) / time : null,
    };
  });
}

const columns: Column[] = [
  { title: '#', right: true },
  { title: 'op' },
  { title: 'sizes' },
  { title: 'µs', right: true },
  { title: '%', right: true },
  { title: 'GFLOP/s', right: true },
];

export function profileTable(lines: ProfileLine[]): string {
  const us = lines.reduce((sum, line) => sum + line.us, 0);
  const cells = lines.map((line) => [
    `${line.index}`,
    line.op,
    line.sizes,
    line.us.toFixed(2),
    line.percent.toFixed(1),
    line.gflops?.toFixed(1) ?? '',
  ]);
  return formatTable(columns, [...cells, ['', 'step', '', us.toFixed(2), '100.0', '']]);
}
