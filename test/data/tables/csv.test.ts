import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../helpers/data.ts';
import { refused, stored } from '../../helpers/tables.ts';

const folder = await temporaryFolder();
const read = (text: string | Uint8Array, options = {}) => stored(folder, text, options);

describe('a text of separated cells', () => {
  const inputs = [
    [1.5, 2],
    [-3, 40],
    [0.25, 6],
  ];
  const targets = ['x', 'y', 'x'];
  const withMark = (mark: string) => [['1.5', '2', 'x'], ['-3', '4e1', 'y'], ['.25', '6.0', 'x']].map((r) => r.map((c) => c.replace('.', mark))); // biome-ignore format: rows
  const text = (delimiter: string, mark = '.', end = '\n') =>
    [['a', 'b', 'c'], ...withMark(mark)].map((row) => row.join(delimiter)).join(end) + end;

  test.each([
    ['commas', text(',')],
    ['semicolons', text(';')],
    ['tabs', text('\t')],
    ['bars', text('|')],
    ['semicolons and a decimal comma', text(';', ',')],
    ['tabs and a decimal comma', text('\t', ',')],
    ['carriage returns and line feeds', text(',', '.', '\r\n')],
    ['spaces behind the commas', text(', ')],
    ['empty lines, and no line end behind the last', `\n${text(',')}\n\n,,\n`.trimEnd()],
    ['a byte order mark', `\ufeff${text(';', ',')}`],
    ['what Excel says of the separator', `sep=;\r\n${text(';', ',', '\r\n')}`],
    ['quotes', 'a,"b",c\n"1.5",2,"x"\n-3,"4e1",y\n".25",6.0,"x"\n'],
    ['single quotes', "a;b;c\n'1.5';2;'x'\n-3;4e1;'y'\n.25;6.0;'x'\n"],
  ])('with %s', async (_, csv) => {
    const table = await read(csv);
    expect(table.inputs).toEqual(inputs);
    expect(table.targets).toEqual(targets);
    expect(table.info).toMatchObject({ task: 'classification', features: ['a', 'b'], classes: ['x', 'y'] });
    expect(table.warnings).toEqual(['target-assumed']);
  });

  test('in UTF-16 and Windows-1252, gzipped or not', async () => {
    const german = 'größe;art\n1,5;süß\n2,5;bitter\n';
    const expected = { features: ['größe'], classes: ['bitter', 'süß'] };
    const utf16 = Buffer.from(`\ufeff${german}`, 'utf16le');
    expect((await read(utf16)).info).toMatchObject(expected);
    expect((await read(Buffer.from(utf16).swap16())).info).toMatchObject(expected);
    const old = await read(Buffer.from(german, 'latin1'));
    expect(old.info).toMatchObject(expected);
    expect(old.warnings).toEqual(['encoding-assumed', 'target-assumed']);
    const zipped = await read(gzipSync(german));
    expect(zipped.info).toMatchObject(expected);
    expect(zipped.info.sha256).toBe((await read(german)).info.sha256);
  });

  test('with separators, quotes and line ends inside of quotes', async () => {
    const csv = 'text,n,c\n"a, ""b""\nc",1,x\n"a, ""b""\nc",2,y\nd,3,x\n';
    const { info } = await read(csv);
    expect(info.columns![0]).toMatchObject({ type: 'categorical', categories: ['a, "b"\nc', 'd'] });
  });

  test('of more rows than a chunk of the file holds, to the last number', async () => {
    const rows = 50_000;
    const lines = Array.from({ length: rows }, (_, i) => `${i},${(i * 7) % 11},"class ${i % 3}"`);
    const { info } = await read(`i,j,k\n${lines.join('\n')}`, { columns: { i: { type: 'numeric' } } });
    expect(info.samples.train).toBe(rows);
    // Sums of arithmetic: Σ i = n(n − 1)/2, and the remainders.
    const sum = (rows * (rows - 1)) / 2 + Array.from({ length: rows }, (_, i) => (i * 7) % 11).reduce((a, b) => a + b);
    expect(info.statistics.mean).toBeCloseTo(sum / (2 * rows), 6);
    expect(info.statistics.classCounts).toEqual([16667, 16667, 16666]);
  });
});

describe('a header', () => {
  test('is told from a row of values, or the request says so', async () => {
    expect((await read('1,2,x\n3,4,y\n')).info.features).toEqual(['column1', 'column2']);
    expect((await read('a,b,c\nx,y,z\nx,w,z\n')).info.samples.train).toBe(2);
    expect((await read('a,b,x\nc,b,y\na,d,x\n')).info.samples.train).toBe(3);
    expect((await read('1,2,x\n3,4,y\n5,6,y\n', { header: true })).info.features).toEqual(['1', '2']);
    const without = await read('sun,yes\nrain,no\nsun,no\n', { header: false });
    expect(without.info.features).toEqual(['column1=rain', 'column1=sun']);
    expect(without.targets).toEqual(['yes', 'no', 'no']);
  });

  test('with line breaks or without a name in it', async () => {
    const { info } = await read('"Weight\n(kg)",,c\n1,2,x\n3,4,y\n');
    expect(info.features).toEqual(['Weight (kg)', 'column2']);
  });

  test('with a name twice, or too many, is refused', async () => {
    const double = await refused(folder, 'a,b,a\n1,2,3\n4,5,6\n', {}, 'invalid-file');
    expect(double.message).toContain('in the header the columns 1 and 3 are both called "a"');
    const wide = Array.from({ length: 10_000 }, (_, i) => i).join(',');
    const { message } = await refused(folder, `${wide}\n${wide}\n`, {}, 'too-large');
    expect(message).toContain('at most 4096 columns are taken, the file has 10000');
    const long = await refused(folder, `${'n'.repeat(201)},b\n1,2\n3,4\n`, {}, 'invalid-file');
    expect(long.message).toContain('column 1 has 201 characters');
  });
});

describe('a damaged text is refused with its line:', () => {
  test('ragged rows', async () => {
    const { message } = await refused(folder, 'a,b,c\n1,2,x\n\n3,y\n', {}, 'invalid-file');
    expect(message).toBe('file: line 4: 3 cells separated by comma are expected, as in the first line; got 2.');
    expect((await refused(folder, 'sep=;\na;b\n1;2\n1;2;3\n', {}, 'invalid-file')).message).toContain(
      'line 4: 2 cells',
    );
  });

  test('a quote that nobody closes', async () => {
    const { message } = await refused(folder, 'a,b,c\n1,2,x\n3,"4,y\n5,6,x\n', {}, 'invalid-file');
    expect(message).toMatch(/a cell that begins with " is not closed/);
  });

  test('nothing, blanks, one column, one row, names alone', async () => {
    expect((await refused(folder, '', {}, 'invalid-file')).message).toContain('the file is empty');
    expect((await refused(folder, gzipSync(''), {}, 'invalid-file')).message).toContain('the file is empty');
    expect((await refused(folder, '\n \n', {}, 'invalid-file')).message).toContain('the file has none');
    expect((await refused(folder, 'a\n1\n2\n', {}, 'invalid-file')).message).toContain('at least two columns');
    expect((await refused(folder, 'a,b\n1,2\n')).message).toContain('at least 2 rows of values are expected, got 1');
    expect((await refused(folder, 'a,b\n')).message).toContain('got 0');
  });

  test('gzip that ends too early, and gzip that never ends', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i},${Math.sin(i)}`).join('\n');
    const cut = gzipSync(`a,b\n${lines}`).subarray(0, 50_000);
    expect((await refused(folder, cut, {}, 'invalid-file')).message).toMatch(/gzip data is damaged or ends too early/);
    const bomb = gzipSync(`a,b\n${'1,2\n'.repeat(20_000_000)}`);
    expect(bomb.length).toBeLessThan(200_000);
    const { message } = await refused(folder, bomb, {}, 'too-large');
    expect(message).toMatch(/gzipped file of \d+ bytes unpacks to more than 67108864/);
  });

  test('binary files', async () => {
    const zeros = await refused(folder, Buffer.from('a,b\n1,2\n3,\0\n'), {}, 'invalid-file');
    expect(zeros.message).toContain('byte 10 is zero');
  });
});

test('faults tell the line even behind rows of several lines', async () => {
  const { faults } = await refused(folder, 'a,b,c\n1,"x\ny",2\n\n1,z,oops\n1,z,3\n', {
    task: 'regression',
    target: 'c',
  });
  expect(faults).toEqual([
    'line 5, column "c": a number is expected, got "oops"; for classes, say "task": "classification"',
  ]);
});
