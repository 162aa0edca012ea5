// Splits of a table by a column, by time, by groups, and in files of their own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type SplitName, splitNames } from '../../../src/data/dataset.ts';
import { uploadSource } from '../../../src/data/source.ts';
import { readRows } from '../../../src/data/store.ts';
import { isoTime } from '../../../src/data/tables/splitColumn.ts';
import { save, store, temporaryFolder, thrown } from '../../helpers/data.ts';

const folder = await temporaryFolder();

/** The first input of each sample of each split. */
async function uploaded(meta: object, files: Record<string, string | Uint8Array>) {
  const paths: Record<string, string> = {};
  for (const [part, bytes] of Object.entries(files)) paths[part] = await save(folder, Buffer.from(bytes));
  const { info, folder: where } = await store(uploadSource({ name: 'n', ...meta }, paths), folder);
  const rows = async (split: SplitName) => readRows(where, info, split, 0, 10_000);
  const inputs = { train: [] as number[][], validation: [] as number[][], test: [] as number[][] };
  for (const split of splitNames) inputs[split] = (await rows(split)).map(({ input }) => input as number[]);
  return { info, inputs, targets: (await rows('test')).map(({ target }) => target) };
}

const refused = async (
  code: Parameters<typeof thrown>[0],
  meta: object,
  files: Record<string, string | Uint8Array>,
) => {
  const { message, faults } = await thrown(code, () => uploaded(meta, files));
  return { message, pointers: faults.map(({ pointer }) => pointer) };
};

const first = (rows: number[][]) => rows.map(([value]) => value);
const asRows = (csv: string) => {
  const [header, ...lines] = csv.trim().split('\n');
  const names = header!.split(',');
  const cell = (text: string) => (text === '' ? null : Number.isNaN(Number(text)) ? text : Number(text));
  return lines.map((line) => Object.fromEntries(line.split(',').map((text, i) => [names[i]!, cell(text)])));
};
/** The same table in every text format. */
const inFormats = (csv: string): [string, string | Uint8Array][] => [
  ['CSV', csv],
  ['TSV', csv.replaceAll(',', '\t')],
  ['gzipped CSV', gzipSync(csv)],
  ['JSON', JSON.stringify(asRows(csv))],
  ['NDJSON', asRows(csv).map((row) => JSON.stringify(row)).join('\n')], // biome-ignore format: one line
];

test('a column names the split of each row, in the usual spellings, and is no input', async () => {
  const csv = 'x,y,Set\n1,a,train\n2,b,Training\n3,a,TEST\n4,b,val\n5,a,valid\n6,b,validation\n7,a,testing\n';
  const sha = new Set<string>();
  for (const [format, bytes] of inFormats(csv)) {
    const { info, inputs } = await uploaded({ split: { column: 'Set' } }, { file: bytes });
    expect(inputs, format).toEqual({ train: [[1], [2]], validation: [[4], [5], [6]], test: [[3], [7]] });
    // The last column but the one that decides is the target.
    expect(info.columns).toEqual([
      { name: 'x', type: 'numeric', missing: 0, fill: null },
      { name: 'y', type: 'target' },
      { name: 'Set', type: 'ignored' },
    ]);
    sha.add(info.sha256);
  }
  expect(sha.size).toBe(1);
});

test('what names no split is told with its line', async () => {
  const split = { column: 'set' };
  const wrong = await refused('invalid-data', { split }, { file: 'x,set,y\n1,train,a\n2,tets,b\n3,,a\n4,test,b\n' });
  expect(wrong.message).toContain('line 3, column "set": train, validation or test is expected, got "tets"');
  expect(wrong.pointers).toEqual(['/file', '/file']);
  const empty = { split, missing: 'drop' };
  const { inputs } = await uploaded(empty, { file: 'x,set,y\n1,train,1.5\n2,,2.5\n3,train,2\n4,test,1\n' });
  expect(inputs).toEqual({ train: [[1], [3]], validation: [], test: [[4]] });
  const none = { split, target: 'y' };
  expect((await refused('invalid-data', none, { file: 'x,set,y\n1,test,a\n2,test,b\n' })).message).toMatch(/train/);
  const csv = 'x,set,y\n1,train,a\n2,test,b\n';
  expect((await refused('invalid-request', { split: { column: 'st' } }, { file: csv })).message).toMatch(
    /no column "st" \(did you mean "set"\?\)/,
  );
  const asTarget = { split, target: 'set' };
  expect((await refused('invalid-request', asTarget, { file: csv })).pointers).toEqual(['/target']);
  const asInput = { split, columns: { set: { type: 'categorical' } } };
  expect((await refused('invalid-request', asInput, { file: csv })).pointers).toEqual(['/columns/set']);
});

test('the newest rows become test, those before validation, by dates and by numbers', async () => {
  const days = ['2024-03-01', '2023-12-31', '2024-02-29', '2024-01-05', '2024-01-01', '2022-07-01'];
  const dates = `x,day,y\n${days.map((day, i) => `${i},${day},${i}.5`).join('\n')}\n`;
  const split = { time: 'day', validation: 1 / 6, test: 1 / 3 };
  for (const [format, bytes] of inFormats(dates)) {
    const { info, inputs } = await uploaded({ split }, { file: bytes });
    expect(inputs, format).toEqual({ train: [[1], [4], [5]], validation: [[3]], test: [[0], [2]] });
    expect(info.features).toEqual(['x']);
  }
  const numbers = 'x,day,y\n0,9,1.5\n1,-3,2\n2,1e2,3\n3,0.5,4\n4,10,5\n5,2,6\n';
  const { inputs } = await uploaded({ split }, { file: numbers });
  expect(inputs).toEqual({ train: [[1], [3], [5]], validation: [[0]], test: [[2], [4]] });
  const asked = await uploaded({ split, columns: { day: { type: 'numeric' } } }, { file: numbers });
  expect(asked.info.features).toEqual(['x', 'day']);
  // Decimal commas: 1,5 is before 1,25 only as text.
  const european = 'x;day;y\n0;1,5;0,5\n1;1,25;1,5\n2;1,75;2,5\n';
  const mixed = await uploaded({ split: { time: 'day', test: 0.34 } }, { file: european });
  expect(mixed.inputs.test).toEqual([[2]]);
});

test('rows of one time stay together, and each split gets one at least', async () => {
  const tied = (counts: number[]) =>
    `x,t,y\n${counts.flatMap((n, t) => Array.from({ length: n }, (_, i) => `${i},${t},${i}`)).join('\n')}\n`;
  const sizes = async (counts: number[], split: object) =>
    (await uploaded({ split: { time: 't', ...split }, target: 'y' }, { file: tied(counts) })).info.samples;
  // 2 of 10 are wanted: the three of the last time are closer than none.
  expect(await sizes([4, 3, 3], { test: 0.2 })).toEqual({ train: 7, validation: 0, test: 3 });
  expect(await sizes([4, 4, 1, 1], { test: 0.2, validation: 0.1 })).toEqual({ train: 4, validation: 4, test: 2 });
  expect(await sizes([1, 9], { test: 0.1 })).toEqual({ train: 1, validation: 0, test: 9 });
  const few = await refused(
    'invalid-data',
    { split: { time: 't', validation: 0.1, test: 0.1 }, target: 'y' },
    { file: tied([5, 5]) },
  );
  expect(few.message).toContain('at least 3 different times are expected, one for each split; got 2');
});

test('what is no time is told with its line', async () => {
  const of = async (cells: string[]) => {
    const file = `x,t,y\n${cells.map((cell, i) => `${i},${cell},${i}.5`).join('\n')}\n`;
    return (await refused('invalid-data', { split: { time: 't', test: 0.5 } }, { file })).message;
  };
  expect(await of(['31.12.2024', '1.1.2025'])).toContain(
    'line 2, column "t": a finite number, or an ISO 8601 date or time, as 2024-12-31 or 2024-12-31T23:59:59Z, is expected, got "31.12.2024"',
  );
  expect(await of(['2024-01-01', ''])).toContain('line 3, column "t": an ISO 8601 date or time');
  expect(await of(['2024-01-01', '2024-02-30'])).toContain('line 3');
  expect(await of(['2024-01-01', '7'])).toContain('as in the rows before, is expected, got "7"');
  expect(await of(['1', 'inf'])).toContain('a finite number is expected, got "inf"');
  expect((await refused('invalid-request', { split: { time: 'x' } }, { file: 'x,y\n1,2\n' })).pointers).toEqual([
    '/split',
  ]);
});

test.each([
  ['2024-12-31', Date.UTC(2024, 11, 31)],
  ['2024-12', Date.UTC(2024, 11, 1)],
  ['2024/12/31', Date.UTC(2024, 11, 31)],
  ['2024-12-31 23:59', Date.UTC(2024, 11, 31, 23, 59)],
  ['2024-12-31T23:59:58Z', Date.UTC(2024, 11, 31, 23, 59, 58)],
  ['2024-12-31T23:59:58.25+01:30', Date.UTC(2024, 11, 31, 22, 29, 58, 250)],
  ['2024-12-31T23:59:58,000250-0700', Date.UTC(2025, 0, 1, 6, 59, 58) + 0.25],
  ['2024-02-29', Date.UTC(2024, 1, 29)],
  ['2023-02-29', Number.NaN],
  ['2024-13-01', Number.NaN],
  ['2024-01-01T24:00', Number.NaN],
  ['2024-01-01T10:60', Number.NaN],
  ['2024-1-1', Number.NaN],
  ['yesterday', Number.NaN],
])('%s is the time %d', (text, expected) => {
  expect(isoTime(text)).toBe(expected);
});

test('no group stands in two splits, and the seed draws them', async () => {
  const groups = Array.from({ length: 200 }, (_, i) => `p${(i * i) % 23}`);
  const file = `x,patient,y\n${groups.map((group, i) => `${i},${group},${i}.5`).join('\n')}\n`;
  const draw = async (seed: number) => {
    const { inputs, info } = await uploaded(
      { split: { group: 'patient', validation: 0.2, test: 0.2, seed } },
      { file },
    );
    const of = (split: SplitName) => new Set(first(inputs[split]).map((i) => groups[i!]));
    const seen = splitNames.flatMap((split) => [...of(split)]);
    expect(new Set(seen).size).toBe(seen.length);
    expect(
      [...first(inputs.train), ...first(inputs.validation), ...first(inputs.test)].sort((a, b) => a! - b!),
    ).toEqual(groups.map((_, i) => i));
    expect(info.features).toEqual(['x']);
    for (const split of ['validation', 'test'] as const) expect(Math.abs(info.samples[split] - 40)).toBeLessThan(18);
    return [...of('test')].sort().join();
  };
  expect(await draw(1)).toBe(await draw(1));
  expect(new Set([await draw(1), await draw(2), await draw(3)]).size).toBeGreaterThan(1);
  const empty = { split: { group: 'patient', test: 0.5 } };
  expect((await refused('invalid-data', empty, { file: 'x,patient,y\n1,a,1\n2,,2\n3,b,3\n' })).message).toContain(
    'line 3, column "patient": a group is expected, the cell is empty',
  );
  expect((await refused('invalid-data', empty, { file: 'x,patient,y\n1,a,1.5\n2,a,2\n3,a,3\n' })).message).toContain(
    'at least 2 different groups are expected',
  );
});

test('Parquet has its dates and groups as the others', async () => {
  const path = join(import.meta.dirname, '../../fixtures/data/visits.parquet');
  const { inputs } = await uploaded({ split: { time: 'day', test: 0.25 }, target: 'y' }, { file: readFileSync(path) });
  expect(first(inputs.test)).toEqual([1, 5]);
  const ignored = { split: { group: 'patient', test: 0.25 }, target: 'y', columns: { patient: { type: 'ignored' } } };
  const grouped = await uploaded(
    { ...ignored, columns: { ...ignored.columns, day: { type: 'ignored' } } },
    { file: readFileSync(path) },
  );
  expect(grouped.info.features).toEqual(['x']);
  expect(grouped.info.samples.test).toBeGreaterThan(0);
});

const trainCsv = 'size,colour,weight,kind\n1,red,2,cat\n2,blue,,dog\n3,red,6,cat\n4,green,4,dog\n';

test('validation and test come in files of their own, read by what the training file decides', async () => {
  const testCsv = 'kind,weight,size,colour\ndog,,9,red\ncat,5,8,blue\n';
  for (const [format, bytes] of inFormats(testCsv)) {
    const files = { file: trainCsv, testFile: bytes, validationFile: trainCsv.replaceAll('red', 'blue') };
    const { info, inputs, targets } = await uploaded({ target: 'kind', missing: 'mean' }, files);
    expect(info.samples, format).toEqual({ train: 4, validation: 4, test: 2 });
    expect(info.features).toEqual(['size', 'colour=blue', 'colour=green', 'colour=red', 'weight']);
    // 4 is the mean of the training file alone.
    expect(inputs.test).toEqual([
      [9, 0, 0, 1, 4],
      [8, 1, 0, 0, 5],
    ]);
    expect(targets).toEqual(['dog', 'cat']);
    expect(info.statistics).toMatchObject({ max: 6, classCounts: [2, 2] });
  }
  // A fraction goes to the split that has no file.
  const both = { file: trainCsv, testFile: testCsv };
  const { info } = await uploaded({ missing: 'mean', split: { validation: 0.25, stratify: false } }, both);
  expect(info.samples).toEqual({ train: 3, validation: 1, test: 2 });
});

test('class names in a file of their own are names, also where they look like places', async () => {
  const { targets } = await uploaded({}, { file: 'x,y\n1,2\n2,a\n3,1\n4,a\n5,2\n', testFile: 'x,y\n1,2\n2,1\n' });
  expect(targets).toEqual(['2', '1']);
  const numbers = await uploaded({ task: 'classification' }, { file: 'x,y\n1,7\n2,3\n3,7\n', testFile: 'x,y\n1,7\n' });
  expect(numbers.targets).toEqual(['7']);
  const regression = await uploaded({}, { file: 'x,y\n1,7.5\n2,3\n3,7\n', testFile: 'x,y\n1,9\n' });
  expect(regression.targets).toEqual([[9]]);
});

test('what is wrong with such a file is told with its name and line', async () => {
  const meta = { target: 'kind', missing: 'mean' };
  const of = (testFile: string) => ({ file: trainCsv, testFile });
  const unknown = await refused('invalid-data', meta, of('size,colour,weight,kind\n1,red,2,cat\n1,pink,2,cat\n'));
  expect(unknown.message).toContain(
    '/testFile: line 3, column "colour": one of the categories blue, green, red is expected, got "pink"',
  );
  expect(unknown.pointers).toEqual(['/testFile']);
  expect((await refused('invalid-data', meta, of('size,colour,weight,kind\n1,red,2,bird\n'))).message).toContain(
    'line 2, column "kind": one of the classes cat, dog is expected, got "bird"',
  );
  const columns = await refused('invalid-file', meta, of('size,color,weight,kind\n1,red,2,cat\n'));
  expect(columns.message).toContain(
    'the columns of "file" are expected; missing: colour; unknown: color (did you mean "colour"?)',
  );
  expect((await refused('invalid-file', meta, of('1,red,2,cat\n'))).message).toContain('the columns of "file"');
  expect((await refused('invalid-data', { target: 'kind', missing: 'drop' }, of('size,colour,weight,kind\n1,red,,cat\n'))).message).toContain('at least one row'); // biome-ignore format: one line
  expect((await refused('invalid-data', meta, of('size,colour,weight,kind\n1,red,2,\n'))).message).toContain(
    'a target is expected, the cell is empty',
  );
  const refusedCells = await refused('invalid-data', { columns: { weight: { missing: 'mean' } } }, of('size,colour,weight,kind\n,red,2,cat\n')); // biome-ignore format: one line
  expect(refusedCells.message).toContain('/testFile: line 2, column "size": a value is expected');
  const same = of('size,colour,weight,kind\n1,red,2,cat\n');
  expect((await refused('invalid-request', { ...meta, split: { test: 0.5 } }, same)).pointers).toEqual(['/split/test']);
  expect((await refused('invalid-request', { ...meta, split: { column: 'colour' } }, same)).pointers).toEqual([
    '/split/column',
  ]);
  expect((await refused('invalid-request', meta, { testFile: trainCsv })).pointers).toEqual(['/file']);
});

test('several columns of targets are a regression of as many numbers', async () => {
  const csv = 'a,b,x,y\n1,2,0.5,10\n3,4,1.5,20\n5,6,2.5,30\n';
  const sha = new Set<string>();
  for (const [format, bytes] of inFormats(csv)) {
    const { info, targets } = await uploaded({ target: ['y', 'x'] }, { file: bytes, testFile: bytes });
    expect(info, format).toMatchObject({ task: 'regression', targetShape: [2], features: ['a', 'b'], classes: null });
    expect(targets).toEqual([
      [10, 0.5],
      [20, 1.5],
      [30, 2.5],
    ]);
    sha.add(info.sha256);
  }
  expect(sha.size).toBe(1);
  const text = await refused('invalid-data', { target: ['x', 'b'] }, { file: csv.replace('4', 'four') });
  expect(text.message).toContain('line 3, column "b": a number is expected, got "four"');
  const asked = { target: ['x', 'y'], task: 'classification' };
  expect((await refused('invalid-request', asked, { file: csv })).pointers).toEqual(['/target']);
  expect((await refused('invalid-request', { target: ['x', 'z'] }, { file: csv })).pointers).toEqual(['/target/1']);
  const empty = await refused('invalid-data', { target: ['x', 'y'] }, { file: csv.replace('20', '') });
  expect(empty.message).toContain('line 3, column "y": a target is expected');
});
