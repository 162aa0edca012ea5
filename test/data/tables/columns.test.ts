import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../helpers/data.ts';
import { refused, stored } from '../../helpers/tables.ts';

const folder = await temporaryFolder();
const read = (text: string, options = {}) => stored(folder, text, options);

const animals = `legs,colour,tame,weight,kind
4,brown,yes,20.5,dog
2,red,no,1,bird
4,,yes,,cat
4,black,yes,4.5,cat
2,red,,0.5,bird
`;

describe('the type of a column', () => {
  test('is found out, and makes the inputs', async () => {
    const { info, inputs, targets } = await read(animals, { missing: 'drop' });
    expect(info.columns).toEqual([
      { name: 'legs', type: 'numeric', missing: 0, fill: null },
      {
        name: 'colour',
        type: 'categorical',
        encoding: 'oneHot',
        categories: ['black', 'brown', 'red'],
        missing: 1,
        fill: null,
      },
      { name: 'tame', type: 'boolean', missing: 1, fill: null },
      { name: 'weight', type: 'numeric', missing: 1, fill: null },
      { name: 'kind', type: 'target' },
    ]);
    expect(info.features).toEqual(['legs', 'colour=black', 'colour=brown', 'colour=red', 'tame', 'weight']);
    expect(inputs).toEqual([
      [4, 0, 1, 0, 1, 20.5],
      [2, 0, 0, 1, 0, 1],
      [4, 1, 0, 0, 1, 4.5],
    ]);
    expect(targets).toEqual(['dog', 'bird', 'cat']);
  });

  test('may be given', async () => {
    const columns = {
      legs: { type: 'categorical' },
      colour: { encoding: 'ordinal' },
      tame: { type: 'ignored' },
      kind: { missing: 'drop' },
    };
    const { info, inputs } = await read(animals, { columns, missing: 'mostFrequent', target: 'kind' });
    expect(info.features).toEqual(['legs=2', 'legs=4', 'colour', 'weight']);
    expect(info.columns![2]).toEqual({ name: 'tame', type: 'ignored' });
    // red is the most frequent colour, 0.5 the least of the equally frequent weights.
    expect(inputs[2]).toEqual([0, 1, 2, 0.5]);
    const zeroOne = 'a,b\n0,1\n1,2\n1,3\n';
    expect((await read(zeroOne, { columns: { a: { type: 'boolean' } } })).info.columns![0]).toMatchObject({
      type: 'boolean',
    });
    const mixed = 'room,b\n101,1\nB12,2\nB12,3\n7,4\n';
    expect((await read(mixed)).info.columns![0]).toMatchObject({ categories: ['101', '7', 'B12'] });
  });

  test('that does not fit its cells is told with line, column and value', async () => {
    const text = 'a,b\n1,1\nx,2\n3,3\n-inf,4\n1e39,5\n';
    const { faults } = await refused(folder, text, { columns: { a: { type: 'numeric' } } });
    expect(faults).toEqual([
      'line 3, column "a": a number is expected, got "x"',
      'line 5, column "a": a finite number in the range of float32 is expected, got "-inf"',
      'line 6, column "a": a finite number in the range of float32 is expected, got "1e39"',
    ]);
    // Nine numbers and a slip: not a column of categories.
    const slip = `a,b\n${Array.from({ length: 20 }, (_, i) => `${i === 7 ? '7.l' : i},1`).join('\n')}\n`;
    expect((await refused(folder, slip)).message).toContain('line 9, column "a": a number is expected, got "7.l"');
    const boolean = await refused(folder, 'a,b\n2,1\n1,2\nno,3\n', { columns: { a: { type: 'boolean' } } });
    expect(boolean.message).toContain('line 2, column "a": true or false is expected, got "2"');
  });

  test('names in the request must be those of the file', async () => {
    const columns = { wieght: { type: 'ignored' }, legs: { type: 'numeric', encoding: 'oneHot' } } as const;
    const wrong = await refused(folder, animals, { columns, target: 'sort' }, 'invalid-request');
    expect(wrong.pointers).toEqual(['/columns/wieght', '/columns/legs/encoding', '/target']);
    expect(wrong.faults[0]).toContain('did you mean "weight"?');
    expect(wrong.faults[2]).toContain('the columns: legs, colour, tame, weight, kind');
    const target = await refused(
      folder,
      animals,
      { target: 'kind', columns: { kind: { type: 'numeric' } } },
      'invalid-request',
    );
    expect(target.pointers).toEqual(['/columns/kind/type']);
    const all = Object.fromEntries(
      ['legs', 'colour', 'tame', 'weight'].map((name) => [name, { type: 'ignored' as const }]),
    );
    expect((await refused(folder, animals, { columns: all })).message).toContain(
      'at least one column beside the target',
    );
  });

  test('texts that are all different are no categories, unless the request says so', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `name ${i},${i}.5,${i % 2}`).join('\n');
    const text = `name,size,class\n${rows}\n`;
    const { message } = await refused(folder, text);
    expect(message).toContain('the column "name" has 40 different texts in 40 rows');
    expect(message).toContain('{"columns": {"name": {"type": "ignored"}}}');
    const { info } = await read(text, { columns: { name: { type: 'categorical', encoding: 'ordinal' } } });
    expect(info.inputShape).toEqual([2]);
    const many = Array.from({ length: 5000 }, (_, i) => `name ${i % 1001},1`).join('\n');
    expect((await refused(folder, `a,b\n${many}\n`)).message).toContain('1001 different texts');
    const empty = await refused(folder, 'a,b\n,1\n,2\n', { missing: 'mean' });
    expect(empty.message).toContain('the column "a" has no value in any row');
  });

  test('the numbers of the rows that pandas writes are no input', async () => {
    const text = ',a,b\n0,2,1.5\n1,4,2\n2,1,2\n';
    const { info, warnings } = await read(text);
    expect(info.features).toEqual(['a']);
    expect(warnings).toContain('row-numbers');
    const wanted = await read(text, { columns: { column1: { type: 'numeric' } } });
    expect(wanted.info.features).toEqual(['column1', 'a']);
  });
});

describe('the target', () => {
  test('is the last column, with a warning, or the one that is named', async () => {
    const text = 'a,b,c\n1,2.5,x\n3,4.5,y\n';
    expect((await read(text)).warnings).toEqual(['target-assumed']);
    const named = await read(text, { target: 'b' });
    expect(named.warnings).toEqual([]);
    expect(named.info).toMatchObject({ task: 'regression', targetShape: [1], classes: null });
    expect(named.targets).toEqual([[2.5], [4.5]]);
    expect(named.info.features).toEqual(['a', 'c=x', 'c=y']);
  });

  test('numbers are a regression, unless the request says that they are classes', async () => {
    const text = 'a,b\n1,10\n2,9\n3,10\n4,9\n';
    const numbers = await read(text, { target: 'b' });
    expect(numbers.info).toMatchObject({ task: 'regression' });
    expect(numbers.warnings).toEqual(['integer-target']);
    const classes = await read(text, { target: 'b', task: 'classification' });
    expect(classes.info.classes).toEqual(['9', '10']);
    expect(classes.targets).toEqual(['10', '9', '10', '9']);
    const named = await read('a,b\n1,1\n2,0\n3,1\n4,0\n', { target: 'b', classes: ['no', 'yes'] });
    expect(named.targets).toEqual(['yes', 'no', 'yes', 'no']);
    expect((await read('a,b\n1,01\n2,1.0\n', { task: 'classification' })).info.classes).toEqual(['1']);
    expect((await read('a,b\n1,true\n2,False\n3,true')).info.classes).toEqual(['False', 'true']);
  });

  test('that cannot be what it is said to be is told', async () => {
    const unknown = await refused(folder, 'a,b\n1,x\n2,z\n', { classes: ['x', 'y'] });
    expect(unknown.message).toContain('line 3, column "b": one of the classes x, y is expected, got "z"');
    const halves = await refused(folder, 'a,b\n1,1\n2,1.5\n', { task: 'classification' });
    expect(halves.message).toContain('line 3, column "b": a class: text or a whole number is expected, got "1.5"');
    const text = await refused(folder, 'a,b\n1,1\n2,x\n', { task: 'regression' });
    expect(text.message).toContain('line 3, column "b": a number is expected, got "x"');
    const both = await refused(folder, 'a,b\n1,1\n2,3\n', { task: 'regression', classes: ['x'] });
    expect(both.pointers).toEqual(['/classes']);
    const infinite = await refused(folder, 'a,b\n1,1\n2,inf\n', { task: 'regression' });
    expect(infinite.message).toContain('line 3, column "b": a finite number');
  });

  test('with nearly as many classes as rows is a mistake', async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => `${i % 7},${i},id${i}`).join('\n');
    const text = `a,n,id\n${rows}\n`;
    const { message, pointers } = await refused(folder, text, { target: 'id', task: 'classification' });
    expect(message).toContain('the target "id" has 3000 different values in 3000 rows');
    expect(pointers).toEqual(['/target']);
    const numeric = await refused(folder, text, {
      target: 'n',
      task: 'classification',
      columns: { id: { type: 'ignored' } },
    });
    expect(numeric.message).toContain('for numbers, say "task": "regression"');
    const many = `a,n\n${Array.from({ length: 70_000 }, (_, i) => `1,${i}`).join('\n')}\n`;
    expect((await read(many)).targets[999]).toEqual([999]);
    const tooMany = await refused(folder, many, { task: 'classification' });
    expect(tooMany.message).toContain('more than 65536 different values');
  });
});

describe('empty cells', () => {
  const text = 'n,b,c,y\n1,true,u,1\n,no,,2\n3,NA,v,3\n8,no,v,4\n?,true,v,5\n';

  test('are refused by default, each with its place', async () => {
    const { faults } = await refused(folder, text, { target: 'y' });
    const hint = '; "missing" says what becomes of empty cells: drop, mean, median, mostFrequent or {"constant": …}';
    expect(faults).toEqual([
      `line 3, column "n": a value is expected, the cell is empty${hint}`,
      `line 3, column "c": a value is expected, the cell is empty${hint}`,
      `line 4, column "b": a value is expected, got "NA"${hint}`,
      `line 6, column "n": a value is expected, got "?"${hint}`,
    ]);
  });

  test('drop their rows', async () => {
    const { inputs, targets, warnings } = await read(text, { missing: 'drop' });
    expect(inputs).toEqual([
      [1, 1, 1, 0],
      [8, 0, 0, 1],
    ]);
    expect(targets).toEqual([[1], [4]]);
    expect(warnings).toContain('dropped-rows');
    const nothing = await refused(folder, 'a,b\n,1\n2,\n3,4\n', { missing: 'drop' });
    expect(nothing.message).toContain('got 1, 2 were dropped for what is missing in them');
  });

  test.each([
    ['mean', 4],
    ['median', 3],
    ['mostFrequent', 1],
  ])('take the %s of their column', async (missing, fill) => {
    const { inputs, info } = await read(text, { missing });
    expect(info.columns!.map((column) => ('fill' in column ? column.fill : '-'))).toEqual([fill, false, 'v', '-']);
    expect(inputs.slice(1, 3)).toEqual([
      [fill, 0, 0, 1],
      [3, 0, 0, 1],
    ]);
  });

  test('take a constant, each column its own where it has one', async () => {
    const wrong = await refused(folder, text, { missing: { constant: 'none' } });
    expect(wrong.faults).toHaveLength(2);
    expect(wrong.message).toContain(
      '/missing/constant: the column "n" is numeric: its empty cells need a number, got "none"',
    );
    const columns = { n: { missing: { constant: -1 } }, b: { missing: { constant: true } } };
    const { info, inputs } = await read(text, { missing: { constant: 'none' }, columns });
    expect(info.features).toEqual(['n', 'b', 'c=none', 'c=u', 'c=v']);
    expect(inputs[1]).toEqual([-1, 0, 1, 0, 0]);
    expect(inputs[2]).toEqual([3, 1, 0, 0, 1]);
    expect(inputs[4]).toEqual([-1, 1, 0, 0, 1]);
  });

  test('of the target are never made up', async () => {
    const { message } = await refused(folder, 'a,b\n1,2\n3,\n5,6\n', { missing: 'mean' });
    expect(message).toContain('line 3, column "b": a target is expected, the cell is empty');
    const { targets } = await read('a,b\n1,2\n3,\n5,6\n', {
      missing: 'mean',
      target: 'b',
      columns: { b: { missing: 'drop' } },
    });
    expect(targets).toEqual([[2], [6]]);
  });

  test('are filled with what the training split alone says', async () => {
    // Behind the limit stand values that would move every statistic.
    const rows = ['1,u', ',u', '3,v', '5,v', ...Array(50).fill('1000,w')].map((row, i) => `${row},${i}`);
    const table = `n,c,y\n${rows.join('\n')}\n`;
    for (const [missing, fill] of [
      ['mean', 3],
      ['median', 3],
      ['mostFrequent', 1],
    ] as const) {
      const { info, inputs } = await read(table, { missing, limit: { train: 4 } });
      expect(info.samples.train).toBe(4);
      expect(info.columns![0]).toMatchObject({ fill });
      expect(inputs[1]![0]).toBe(fill);
    }
    const split = await read(table, { missing: 'mean', split: { test: 0.5, seed: 3 } });
    const training = split.targets.flatMap((target) => {
      const cell = rows[(target as number[])[0]!]!.split(',')[0]!;
      return cell === '' ? [] : [Number(cell)];
    });
    const mean = training.reduce((sum, value) => sum + value, 0) / training.length;
    expect(split.info.columns![0]).toMatchObject({ fill: mean });
    const none = await refused(folder, 'n,y\n,1\n,2\n3,4\n', { missing: 'mean', limit: { train: 2 } });
    expect(none.message).toContain('the column "n" has no value in the training split');
  });
});
