import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { SheetQuery } from '../../src/service/types.ts';
import { startServices, temporaryFolder } from '../helpers/service.ts';

const query: SheetQuery = { split: 'train', rows: 2, columns: 3, offset: 0 };

test('a sheet shows what augmentation makes of the samples: another draw each epoch, the same for the same numbers', async () => {
  const services = await startServices(await temporaryFolder());
  const { id } = await services.datasets.create({ name: 'digits', builtin: 'digits', limit: { train: 20 } });
  const sheet = async (augmentation: object[] | undefined, more: Partial<SheetQuery> = {}) => {
    const text = augmentation && JSON.stringify(augmentation);
    const png = await services.datasets.sheet(id, { ...query, ...more, augmentation: text });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    // Cells of eight pixels, three times as large, two apart.
    const cell = (row: number, column: number) =>
      Array.from({ length: 64 }, (_, i) => {
        const y = 2 + row * 26 + Math.floor(i / 8) * 3;
        return data[(y * info.width + 2 + column * 26 + (i % 8) * 3) * info.channels]!;
      });
    return { data, cells: [0, 1].flatMap((row) => [0, 1, 2].map((column) => cell(row, column))) };
  };
  const plain = await sheet(undefined);
  expect((await sheet([])).cells).toEqual(plain.cells);
  const mirrored = await sheet([{ type: 'horizontalFlip', probability: 1 }]);
  for (const [i, cell] of mirrored.cells.entries()) {
    expect(cell).toEqual(plain.cells[i]!.map((_, at) => plain.cells[i]![at - (at % 8) + 7 - (at % 8)]));
  }
  const list = [
    { type: 'shift', pixels: 2 },
    { type: 'rotation', degrees: 20 },
    { type: 'noise', stddev: 0.01 },
  ];
  const first = await sheet(list, { seed: 1 });
  expect(first.cells).not.toEqual(plain.cells);
  expect((await sheet(list, { seed: 1 })).data).toEqual(first.data);
  expect((await sheet(list, { seed: 2 })).cells).not.toEqual(first.cells);
  expect((await sheet(list, { seed: 1, epoch: 1 })).cells).not.toEqual(first.cells);
});

test('what is wrong with the augmentation of a sheet is told', async () => {
  const services = await startServices(await temporaryFolder());
  await services.datasets.create({ name: 'digits', builtin: 'digits', limit: { train: 20 } });
  await services.datasets.create({ name: 'iris', builtin: 'iris' });
  for (const [name, augmentation, pointer] of [
    ['digits', '[{', '/augmentation'],
    ['digits', '{"type": "shift"}', '/augmentation'],
    ['digits', '[{"type": "shift", "pixel": 1}]', '/augmentation/0'],
    ['digits', '[{"type": "noise"}, {"type": "noise"}]', '/augmentation/1/type'],
  ] as const) {
    await expect(services.datasets.sheet(name, { ...query, augmentation })).rejects.toMatchObject({
      code: 'invalid-request',
      faults: [expect.objectContaining({ pointer: expect.stringMatching(`^${pointer}`) })],
    });
  }
  await expect(services.datasets.sheet('iris', { ...query, augmentation: '[]' })).rejects.toMatchObject({
    code: 'invalid-request',
    message: expect.stringMatching(/Only images have a picture/),
  });
});
