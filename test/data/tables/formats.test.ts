// Files that NumPy, pandas and pyarrow wrote (scripts/data-fixtures.py), held against what they say of them.
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { store, temporaryFolder } from '../../helpers/data.ts';
import { arraysOf, fixture, stored, storedArrays } from '../../helpers/tables.ts';

const folder = await temporaryFolder();
const read = (name: string, options = {}) => stored(folder, fixture(name), options);

const species = ['setosa', 'versicolor', 'virginica'];
const iris = fixture('iris.csv').toString().trim().split('\n').slice(1).map((line) => line.split(',')); // biome-ignore format: steps

/** The same values in a JSON request. */
const inline = await store(
  { kind: 'json', inputs: iris.map((row) => row.slice(0, 4).map(Number)), targets: iris.map((row) => row[4]) },
  folder,
);

describe('thirty flowers', () => {
  test.each([
    'iris.csv',
    'iris-index.csv',
    'iris-european.csv',
    'iris-utf16.tsv',
    'iris.tsv.gz',
    'iris.json',
    'iris.ndjson',
    'iris-rows.json',
    'iris.npz',
    'iris.parquet',
    'iris-groups.parquet',
    'iris-pandas.parquet',
  ])('are the same dataset from %s', async (name) => {
    const { info, inputs, targets } = await read(name, name === 'iris-pandas.parquet' ? { target: 'class' } : {});
    expect(inputs).toEqual(iris.map((row) => row.slice(0, 4).map((cell) => Math.fround(Number(cell)))));
    expect(targets).toEqual(iris.map((row) => row[4]));
    expect(info).toMatchObject({ task: 'classification', classes: species, inputShape: [4], inputType: 'float32' });
    expect(info.sha256).toBe(inline.info.sha256);
    if (name === 'iris.npz') expect(info.columns).toBeNull();
    else expect(info.features).toEqual(fixture('iris.csv').toString().split('\n')[0]!.split(',').slice(0, 4));
  });

  test('also from arrays in files of their own, in Fortran order and big-endian', async () => {
    const { info, inputs } = await storedArrays(folder, fixture('iris-inputs.npy'), fixture('iris-targets.npy'));
    expect(inputs[29]).toEqual(iris[29]!.slice(0, 4).map((cell) => Math.fround(Number(cell))));
    expect(info.sha256).toBe((await read('iris.csv')).info.sha256);
  });
});

describe('passengers with holes', () => {
  const expected = JSON.parse(fixture('passengers.json').toString());

  test.each(['passengers.csv', 'passengers.ndjson', 'passengers.parquet'])('in %s', async (name) => {
    for (const policy of ['mean', 'median', 'mostFrequent'] as const) {
      const { info } = await read(name, { missing: policy });
      const [age, , , deck, alone] = info.columns!;
      expect(age).toMatchObject({ type: 'numeric', missing: expected.age.missing });
      expect((age as { fill: number }).fill).toBeCloseTo(expected.age[policy], 10);
      const { missing, categories, mostFrequent: fill } = expected.deck;
      expect(deck).toMatchObject({ type: 'categorical', missing, categories, fill });
      expect(alone).toMatchObject({ type: 'boolean' });
      expect(info.features).toEqual(['age', 'fare', 'class', ...expected.oneHot, 'alone']);
      expect(info.samples.train).toBe(expected.rows);
    }
    expect((await read(name, { missing: 'drop' })).info.samples.train).toBe(expected.complete);
  });

  test('are the same dataset from each of them', async () => {
    const hashes = new Set<string>();
    for (const name of ['passengers.csv', 'passengers.ndjson', 'passengers.parquet']) {
      hashes.add((await read(name, { missing: 'median', split: { test: 0.25, seed: 1 } })).info.sha256);
    }
    expect(hashes.size).toBe(1);
  });
});

test('digits as Keras keeps them: bytes stay bytes, images get their channel, the test samples are found', async () => {
  const { info } = await read('digits.npz');
  expect(info).toMatchObject({
    inputShape: [8, 8, 1],
    inputType: 'uint8',
    samples: { train: 100, validation: 0, test: 20 },
  });
  expect(info.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
});

describe('an array', () => {
  const arrays = arraysOf(fixture('arrays.npz'));
  const labels = arrays.get('text.npy')!;

  test.each(['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8', 'f4', 'f8', 'b1'])(
    'of %s in both byte and memory orders',
    async (kind) => {
      for (const variant of ['leC', 'leF', 'beC', 'beF']) {
        const { info } = await storedArrays(folder, arrays.get(`${kind}${variant}.npy`)!, labels);
        const { inputs } = await storedArrays(folder, arrays.get(`${kind}${variant}.npy`)!, labels, { shape: [6] });
        const values = Array.from({ length: 24 }, (_, i) => (i % 2) + (kind === 'b1' ? 0 : i));
        expect(inputs.flat(), variant).toEqual(values);
        expect(info.inputShape).toEqual(kind === 'u1' ? [3, 2, 1] : [3, 2]);
        expect(info.inputType).toBe(kind === 'u1' ? 'uint8' : 'float32');
        expect(info.classes).toEqual(['', 'a', 'bcd', 'é😀']);
      }
    },
  );

  test('of bytes as text, and of numbers as targets', async () => {
    const inputs = arrays.get('f8leC.npy')!;
    const bytes = await storedArrays(folder, inputs, arrays.get('bytes.npy')!);
    expect(bytes.targets).toEqual(['a', 'bcd', 'e', 'f']);
    const many = await storedArrays(folder, inputs, arrays.get('i4beF.npy')!, { task: 'regression' });
    expect(many.info).toMatchObject({ task: 'regression', targetShape: [3, 2], classes: null });
    expect(many.targets[3]).toEqual([
      [18, 20],
      [20, 22],
      [22, 24],
    ]);
  });

  test.each([1, 2, 3])('with a header of version %i', async (version) => {
    const { inputs } = await storedArrays(folder, fixture(`version${version}.npy`), fixture(`version${version}.npy`), { task: 'regression' }); // biome-ignore format: a row
    expect(inputs).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
  });
});

test('a sheet that a German Gnumeric saved as CSV, held against its own file (scripts/fixtures/spreadsheet.sh)', async () => {
  const sheet = gunzipSync(fixture('orchard.gnumeric')).toString();
  const cells: string[][] = [];
  for (const [, row, column, value] of sheet.matchAll(/<gnm:Cell Row="(\d+)" Col="(\d+)"[^>]*>([^<]*)</g)) {
    cells[Number(row)] ??= [];
    cells[Number(row)]![Number(column)] = value!.replaceAll('&quot;', '"');
  }
  const [names, ...rows] = cells;
  expect(rows).toHaveLength(30);
  const given = (column: number) => rows.map((row) => row[column]);
  const { info, inputs, targets } = await read('orchard.csv', { target: 'sort', missing: 'mean', columns: { picked: { type: 'ignored' } } }); // biome-ignore format: a call
  expect(info.columns!.map(({ name }) => name)).toEqual(names);
  expect(info.classes).toEqual(['"red" delicious', 'boskoop', 'williams; "the pear"']);
  expect(targets).toEqual(given(0));
  for (const [input, column] of [0, 1].map((i) => [i, i + 1] as const)) {
    const numbers = given(column).map((cell) => (cell === undefined ? Number.NaN : Number(cell)));
    const known = numbers.filter((value) => !Number.isNaN(value));
    expect(known).toHaveLength(29);
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    for (const [row, value] of numbers.entries()) {
      expect(inputs[row]![input]).toBeCloseTo(Number.isNaN(value) ? mean : value, 4);
    }
  }
  // Days count from the end of 1899 in the sheet: the newest six are the test.
  const byTime = await read('orchard.csv', { target: 'sort', missing: 'drop', split: { time: 'picked', test: 0.2 } });
  const complete = rows.filter((row) => row[1] !== undefined && row[2] !== undefined);
  const days = complete.map((row) => Number(row[3])).sort((a, b) => b - a);
  const trained = complete.filter((row) => Number(row[3]) < days[byTime.info.samples.test - 1]!);
  expect(Math.abs(byTime.info.samples.test - 28 * 0.2)).toBeLessThan(2);
  expect(byTime.targets).toEqual(trained.map((row) => row[0]));
});
