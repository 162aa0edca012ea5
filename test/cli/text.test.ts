import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { UsageError } from '../../src/cli/command.ts';
import { Output } from '../../src/cli/output.ts';
import { ProgressLine, progressText } from '../../src/cli/progress.ts';
import { rowsOf } from '../../src/cli/rows.ts';
import { applySettings, splitOption } from '../../src/cli/settings.ts';
import { table } from '../../src/cli/table.ts';
import { bytes, clean, cut, decimal, didYouMean, metrics, seconds, widthOf } from '../../src/cli/text.ts';
import type { Model } from '../../src/client/index.ts';

const plain = (text: string) => text;

test('numbers, sizes and times', () => {
  expect([0, 0.12345678, 1234.5678, 0.00001234, 1e9, Number.NaN].map(decimal)).toEqual([
    '0',
    '0.1235',
    '1234.568',
    '1.23e-5',
    '1000000000',
    'NaN',
  ]);
  expect([0, 1023, 1024, 1.5 * 2 ** 30].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 GiB']);
  expect([0.25, 3, 3.21, 59.6, 61, 3660].map(seconds)).toEqual([
    '0.25 s',
    '3 s',
    '3.2 s',
    '60 s',
    '1 min 1 s',
    '1 h 1 min',
  ]);
  expect(metrics({ loss: 0.5, validationAccuracy: 0.9712 })).toBe('loss 0.5  validationAccuracy 97.12 %');
});

test('texts from elsewhere do not steer the terminal, and are cut by what is seen', () => {
  expect(clean('a\u001b[31mb\u202ec\n')).toBe('a\ufffd[31mb\ufffdc\ufffd');
  expect(widthOf('äe\u0301数')).toBe(4);
  expect(cut('数数数', 5)).toBe('数数…');
  expect(cut('abc', 3)).toBe('abc');
});

test('names that were meant', () => {
  expect(didYouMean('lst', ['list', 'log'])).toBe('; did you mean list?');
  expect(didYouMean('x', ['list'])).toBe('');
});

test('a table fits the terminal, its ids whole as long as possible', () => {
  const columns = [{ title: 'name' }, { title: 'loss', right: true }, { title: 'id', whole: true }];
  const rows = [
    ['a very long name indeed', '0.1', '0123456789'],
    ['数', '12', 'x'],
  ];
  expect(table(columns, rows, Number.POSITIVE_INFINITY, plain).split('\n')).toEqual([
    'name                     loss  id',
    'a very long name indeed   0.1  0123456789',
    '数                         12  x',
  ]);
  expect(table(columns, rows, 30, plain).split('\n')).toEqual([
    'name          loss  id',
    'a very long…   0.1  0123456789',
    '数              12  x',
  ]);
  for (const line of table(columns, rows, 20, plain).split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(20);
});

test('colours are for terminals whose user wants them', () => {
  const tty = Object.assign(new PassThrough(), { isTTY: true });
  expect(new Output(false, tty, tty, {}).bad('x')).toBe('\u001b[31mx\u001b[39m');
  expect(new Output(false, tty, tty, { NO_COLOR: '1' }).bad('x')).toBe('x');
  expect(new Output(false, tty, tty, { TERM: 'dumb' }).bad('x')).toBe('x');
  expect(new Output(false, new PassThrough(), tty, {}).bad('x')).toBe('x');
});

const job = {
  state: 'running' as const,
  progress: { epoch: 2, epochs: 4, step: 1, steps: 2, fraction: 0.5, samplesPerSecond: 12_345, etaSeconds: 61.2 },
  metrics: { loss: 0.25, accuracy: 0.9, validationAccuracy: 0.8 },
};

test('progress says as much as there is room for', () => {
  const full = progressText(job);
  expect(full).toMatch(
    /█{15}░{15} {2}epoch 2\/4 {2}loss 0.2500 {2}accuracy 90.00 % {2}validation 80.00 % {2}12,345 samples\/s {2}1 min 2 s left$/,
  );
  for (const width of [20, 40, 60, 80, 100, 120]) {
    const text = progressText(job, width);
    expect(widthOf(text)).toBeLessThanOrEqual(width);
    if (width >= 40) expect(text).toContain('epoch 2/4');
    if (width >= 60) expect(text).toContain('1 min 2 s left');
  }
});

test('a terminal has one line that is written anew, anything else a line now and then', () => {
  const seen = (interactive: boolean) => {
    const pieces: string[] = [];
    const stream = new Writable({
      write(piece, _encoding, done) {
        pieces.push(String(piece));
        done();
      },
    });
    const line = new ProgressLine(stream, { interactive });
    for (let epoch = 0; epoch <= 200; epoch++) {
      line.show({ ...job, progress: { ...job.progress, epoch, fraction: epoch / 200 } });
    }
    line.end();
    return pieces;
  };
  const anew = seen(true);
  expect(anew).toHaveLength(202);
  for (const piece of anew.slice(0, -1)) expect(piece.startsWith('\r') && piece.endsWith('\u001b[K')).toBe(true);
  expect(anew.at(-1)).toBe('\n');
  const lines = seen(false);
  expect(lines.length).toBeLessThan(35);
  expect(lines.at(-1)).toContain('epoch 200/');
  for (const piece of lines) expect(piece).toBe(`${clean(piece.trimEnd())}\n`);
});

test('settings go where their keys say', () => {
  const base = { training: { epochs: 3 }, network: { layers: [{ units: 1 }] } };
  const changed = applySettings(base, [
    'training.epochs=5',
    'training.optimizer.learningRate=1e-3',
    'network.layers.0.units=7',
    'name=a=b',
    'training.metrics=["auc"]',
  ]);
  expect(changed).toEqual({
    name: 'a=b',
    training: { epochs: 5, optimizer: { learningRate: 0.001 }, metrics: ['auc'] },
    network: { layers: [{ units: 7 }] },
  });
  expect(base.training).toEqual({ epochs: 3 });
});

test.each(['nothing', 'network.layers.1.units=3', 'training.epochs.x=1', '__proto__.x=1', 'a..b=1'])(
  '--set %s is refused',
  (setting) => {
    const base = { training: { epochs: 3 }, network: { layers: [{ units: 1 }] } };
    expect(() => applySettings(base, [setting])).toThrow(UsageError);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  },
);

test('shares of a split', () => {
  expect(splitOption('validation=0.1, test=0.2,seed=1,stratify=false')).toEqual({
    validation: 0.1,
    test: 0.2,
    seed: 1,
    stratify: false,
  });
  for (const wrong of ['0.2', 'tests=0.2', 'test=']) expect(() => splitOption(wrong)).toThrow('validation, test, seed');
});

const columns = [
  { name: 'size', type: 'numeric', fill: null },
  { name: 'code', type: 'categorical', encoding: 'oneHot', categories: ['1', '2'], fill: null },
  { name: 'kind', type: 'target' },
] as unknown as Model['columns'];

test('rows of CSV become what the columns are', () => {
  const rows = [
    { size: 1.5, code: '1', kind: 'a,b' },
    { size: null, code: '2', kind: null },
  ];
  expect(rowsOf('\ufeffsize,code,kind\r\n1.5,1,"a,b"\r\n,2,\r\n', columns, 'x')).toEqual(rows);
  expect(rowsOf('size;code\n1.5;1\n', columns, 'x')).toEqual([{ size: 1.5, code: '1' }]);
  // What is no number stays as it is: the service says what is wrong with it.
  expect(rowsOf('size\tcode\nbig\t1\n', columns, 'x')).toEqual([{ size: 'big', code: '1' }]);
  expect(rowsOf('0,1\n1,1\n', null, 'x')).toEqual([
    [0, 1],
    [1, 1],
  ]);
  expect(rowsOf('a,b\n1,-2e3\n', null, 'x')).toEqual([[1, -2000]]);
});

test('rows of JSON: an array, a request, lines, one object', () => {
  const rows = [[1], { a: 2 }];
  expect(rowsOf(JSON.stringify(rows), null, 'x')).toEqual(rows);
  expect(rowsOf(JSON.stringify({ instances: rows }), null, 'x')).toEqual(rows);
  expect(rowsOf('[1]\n\n{"a": 2}\n', null, 'x')).toEqual(rows);
  expect(rowsOf(' {"a": 2} ', columns, 'x')).toEqual([{ a: 2 }]);
});

test.each([
  [' \n', 'x is empty'],
  ['[1', 'x is not JSON'],
  ['[1]\n[2', 'x, line 2'],
  ['a,b\n1,2,3\n', 'x: '],
])('%j is refused', (text, message) => {
  expect(() => rowsOf(text, columns, 'x')).toThrow(message);
});
