import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { uploadSource } from '../../../src/data/source.ts';
import { readRows } from '../../../src/data/store.ts';
import { idx, save, store, temporaryFolder } from '../../helpers/data.ts';
import { png, tar, zip } from '../../helpers/images.ts';

const root = await temporaryFolder();

/** The dataset that an archive becomes. */
async function upload(archive: Buffer, meta: object = {}, labels?: string) {
  const files = { file: await save(root, archive), ...(labels && { labels: await save(root, Buffer.from(labels)) }) };
  return store(uploadSource({ name: 'a', ...meta }, files), root);
}

/** Pixels and targets of a split. */
async function rowsOf(
  { info, folder }: Awaited<ReturnType<typeof upload>>,
  split: 'train' | 'validation' | 'test' = 'train',
) {
  const rows = await readRows(folder, info, split, 0, 100);
  return rows.map(({ input, target }) => [(input as number[][][]).flat(2), target]);
}

const codes = (info: { warnings: { code: string }[] }) => info.warnings.map(({ code }) => code);

/** Two classes of 1 × 2 pixels, names numbered over both. */
const four = async () => [
  { name: 'cats/1.png', content: await png(1, 2, [1, 2]) },
  { name: 'cats/3.png', content: await png(1, 2, [5, 6]) },
  { name: 'dogs/2.png', content: await png(1, 2, [3, 4]) },
  { name: 'dogs/4.png', content: await png(1, 2, [7, 8]) },
];
const fourRows = [
  [[1, 2], 'cats'],
  [[3, 4], 'dogs'],
  [[5, 6], 'cats'],
  [[7, 8], 'dogs'],
];

describe('one folder a class', () => {
  test('ZIP, stored and deflated, TAR and TAR.GZ give the same dataset, in the order of the files’ names', async () => {
    const files = await four();
    const first = await upload(zip(files));
    expect(first.info).toMatchObject({
      task: 'classification',
      inputShape: [1, 2, 1],
      inputType: 'uint8',
      classes: ['cats', 'dogs'],
      samples: { train: 4, validation: 0, test: 0 },
    });
    expect(await rowsOf(first)).toEqual(fourRows);
    const others = [zip(files.map((file) => ({ ...file, stored: true }))), await tar(files), await tar(files, true)];
    for (const archive of [...others, zip([...files].reverse())]) {
      expect((await upload(archive)).info.sha256).toBe(first.info.sha256);
    }
  });

  test('a folder around everything is looked through; what systems leave behind is ignored, other files are told', async () => {
    const files = (await four()).map((file) => ({ ...file, name: `./pets 2026/${file.name}` }));
    const junk = [
      '__MACOSX/pets 2026/._1.png',
      'pets 2026/.DS_Store',
      'pets 2026/cats/Thumbs.db',
      'pets 2026/.git/a.png',
    ];
    const dataset = await upload(
      zip([
        { name: 'pets 2026/', content: '' },
        { name: 'pets 2026/cats/', content: '' },
        ...junk.map((name) => ({ name, content: 'x' })),
        ...files,
        { name: 'pets 2026/README.txt', content: 'about' },
      ]),
    );
    expect(await rowsOf(dataset)).toEqual(fourRows);
    expect(dataset.info.warnings.find(({ code }) => code === 'ignored-files')!.message).toBe(
      '1 files that are no images were ignored: "pets 2026/README.txt".',
    );
  });

  test('a folder is a split by its name alone, not by what JavaScript knows of such a name', async () => {
    const files = (await four()).map((file) => ({ ...file, name: `constructor/${file.name}` }));
    const { info } = await upload(zip(files));
    expect(info).toMatchObject({ classes: ['cats', 'dogs'], samples: { train: 4 } });
  });

  test('train, validation and test above the classes become the splits', async () => {
    const archive = zip([
      { name: 'x/Train/a/1.png', content: await png(1, 1, [1]) },
      { name: 'x/Train/b/1.png', content: await png(1, 1, [2]) },
      { name: 'x/val/a/1.png', content: await png(1, 1, [3]) },
      { name: 'x/test/b/1.png', content: await png(1, 1, [4]) },
      { name: 'x/test/a/deep/er/1.png', content: await png(1, 1, [5]) },
    ]);
    const dataset = await upload(archive);
    expect(dataset.info.samples).toEqual({ train: 2, validation: 1, test: 2 });
    expect(await rowsOf(dataset)).toEqual([
      [[1], 'a'],
      [[2], 'b'],
    ]);
    expect(await rowsOf(dataset, 'validation')).toEqual([[[3], 'a']]);
    expect(await rowsOf(dataset, 'test')).toEqual([
      [[5], 'a'],
      [[4], 'b'],
    ]);
    await expect(upload(archive, { split: { validation: 0.5 } })).rejects.toMatchObject({ code: 'invalid-data' });
    const onlyTrain = await upload(zip([{ name: 'train/a/1.png', content: await png(1, 1, [1]) }]));
    expect(onlyTrain.info.classes).toEqual(['a']);
    // Without folders below them they are classes like any other.
    const vehicles = await upload(
      zip([
        { name: 'train/1.png', content: await png(1, 1, [1]) },
        { name: 'test/1.png', content: await png(1, 1, [1]) },
      ]),
    );
    expect(vehicles.info.classes).toEqual(['test', 'train']);
  });

  test('fractions are split off as from other data, and given classes stand', async () => {
    const { info } = await upload(zip(await four()), { split: { validation: 0.5 }, classes: ['dogs', 'cats'] });
    expect(info).toMatchObject({ classes: ['dogs', 'cats'], samples: { train: 2, validation: 2 } });
    await expect(upload(zip(await four()), { classes: ['dogs'] })).rejects.toThrow(
      /"cats\/1.png": the class must be one of the classes dogs; got "cats"/,
    );
  });
});

describe('size and channels', () => {
  test('the most common size is taken, or the one that is asked for', async () => {
    const archive = zip([
      { name: 'a/1.png', content: await png(4, 2, 9) },
      { name: 'a/2.png', content: await png(4, 2, 9) },
      { name: 'a/3.png', content: await png(2, 2, 200) },
    ]);
    const common = await upload(archive);
    expect(common.info.inputShape).toEqual([4, 2, 1]);
    expect(codes(common.info)).toContain('images-resized');
    // contain: black above and below.
    expect((await rowsOf(common))[2]![0]).toEqual([0, 0, 200, 200, 200, 200, 0, 0]);
    const filled = await upload(archive, { image: { height: 1, width: 3, channels: 3, fit: 'fill' } });
    expect(filled.info.inputShape).toEqual([1, 3, 3]);
    expect((await rowsOf(filled))[2]![0]).toEqual(Array(9).fill(200));
    expect(codes(filled.info)).not.toContain('images-resized');
  });

  test('one channel if all are grey however they are stored, else three', async () => {
    const grey = [
      { name: 'a/1.png', content: await png(1, 2, [10, 250]) },
      { name: 'a/2.png', content: await png(1, 2, 77) }, // red, green and blue are the same
      {
        name: 'a/3.jpg',
        content: await sharp(await png(1, 2, 40))
          .jpeg()
          .toBuffer(),
      },
    ];
    const one = await upload(zip(grey));
    expect(one.info.inputShape).toEqual([1, 2, 1]);
    expect((await rowsOf(one)).map(([pixels]) => pixels)).toEqual([
      [10, 250],
      [77, 77],
      [40, 40],
    ]);
    const coloured = [...grey, { name: 'a/4.png', content: await png(1, 2, [200, 100, 0]) }];
    const three = await upload(zip(coloured));
    expect(three.info.inputShape).toEqual([1, 2, 3]);
    expect((await rowsOf(three)).map(([pixels]) => pixels)).toEqual([
      [10, 10, 10, 250, 250, 250],
      Array(6).fill(77),
      Array(6).fill(40),
      [200, 100, 0, 200, 100, 0],
    ]);
    expect((await upload(zip(coloured), { image: { channels: 1 } })).info.inputShape).toEqual([1, 2, 1]);
    expect((await upload(zip(grey), { image: { channels: 3 } })).info.inputShape).toEqual([1, 2, 3]);
  });

  test('EXIF rotation is undone, transparency stands on white, 16 bits become 8', async () => {
    const turned = await sharp(Uint8Array.from([1, 2, 3, 4, 5, 6]), { raw: { width: 3, height: 2, channels: 1 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const upright = await upload(zip([{ name: 'a/1.png', content: turned }]));
    // Orientation 6: the first row is the right side.
    expect(upright.info.inputShape).toEqual([3, 2, 1]);
    expect((await rowsOf(upright))[0]![0]).toEqual([4, 1, 5, 2, 6, 3]);
    const raw = { width: 2, height: 1, channels: 4 } as const;
    const clear = await sharp(Uint8Array.from([9, 9, 9, 0, 50, 50, 50, 255]), { raw })
      .png()
      .toBuffer();
    expect((await rowsOf(await upload(zip([{ name: 'a/1.png', content: clear }]))))[0]![0]).toEqual([255, 50]);
    const kept = await upload(zip([{ name: 'a/1.png', content: clear }]), { image: { channels: 4 } });
    expect((await rowsOf(kept))[0]![0]).toEqual([9, 9, 9, 0, 50, 50, 50, 255]);
    const deep = await sharp(Uint16Array.from([0, 257 * 100, 65535]), { raw: { width: 3, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect((await rowsOf(await upload(zip([{ name: 'a/1.png', content: deep }]))))[0]![0]).toEqual([0, 100, 255]);
  });

  test('every format that is promised is read', async () => {
    const base = sharp(await png(8, 8, 128));
    const archive = zip([
      { name: 'a/1.jpeg', content: await base.clone().jpeg().toBuffer() },
      { name: 'a/2.webp', content: await base.clone().webp({ lossless: true }).toBuffer() },
      { name: 'a/3.gif', content: await base.clone().gif().toBuffer() },
      { name: 'a/4.tif', content: await base.clone().tiff().toBuffer() },
      { name: 'a/5.avif', content: await base.clone().avif({ lossless: true }).toBuffer() },
      // What it is counts, not what it is called.
      { name: 'a/6.png', content: await base.clone().jpeg().toBuffer() },
    ]);
    const dataset = await upload(archive, { image: { channels: 1 } });
    for (const [pixels] of await rowsOf(dataset)) {
      for (const pixel of pixels as number[]) expect(Math.abs(pixel - 128)).toBeLessThanOrEqual(1);
    }
  });
});

describe('a CSV of labels', () => {
  const images = async () => [
    { name: 'set/images/a.png', content: await png(1, 1, [1]) },
    { name: 'set/images/b.png', content: await png(1, 1, [2]) },
    { name: 'set/images/c.png', content: await png(1, 1, [3]) },
  ];

  test('in the archive: columns by name, in the CSV’s order', async () => {
    const csv = 'Label;split;Filename\r\nhot;train;images/c.png\r\n"very; cold";test;images/a.png\r\n';
    const dataset = await upload(zip([...(await images()), { name: 'set/labels.csv', content: csv }]));
    expect(dataset.info).toMatchObject({
      classes: ['hot', 'very; cold'],
      samples: { train: 1, validation: 0, test: 1 },
    });
    expect(await rowsOf(dataset)).toEqual([[[3], 'hot']]);
    expect(await rowsOf(dataset, 'test')).toEqual([[[1], 'very; cold']]);
    expect(codes(dataset.info)).toContain('unlabelled-images');
  });

  test('as a part: names alone, with or without their ending; whole numbers are classes, others a regression', async () => {
    const archive = zip(await images());
    const digits = await upload(archive, {}, 'id,label\nb,7\na,3\nc,7\n');
    expect(digits.info).toMatchObject({ task: 'classification', classes: ['3', '7'] });
    expect(await rowsOf(digits)).toEqual([
      [[2], '7'],
      [[1], '3'],
      [[3], '7'],
    ]);
    const ages = await upload(archive, {}, '\ufefffile\tvalue\nc.png\t0.5\nimages/a.png\t-2\n');
    expect(ages.info).toMatchObject({ task: 'regression', targetShape: [1], classes: null });
    expect(await rowsOf(ages)).toEqual([
      [[3], [0.5]],
      [[1], [-2]],
    ]);
    const asked = await upload(archive, { task: 'regression' }, 'file,label\na.png,3\n');
    expect(await rowsOf(asked)).toEqual([[[1], [3]]]);
  });

  test.each([
    ['file,label\na.png,1\nnone.png,2\n', /line 3: no image in the archive is called "none.png"/],
    ['file,label\na.png,1\nimages/a.png,2\n', /line 3: "images\/a.png" has a label already, in line 2/],
    ['file,label\na.png,\n', /line 2: the label of "a.png" is missing/],
    ['file,label\n,1\n', /line 2: the name of a file is missing/],
    ['file,colour\na.png,1\n', /line 1: no column of labels; expected one named label/],
    ['file,label\na.png,1,2\n', /Invalid Record Length.*line 2/],
    ['file,label\n"a.png,1\n', /Quote Not Closed/],
    ['file,label,split\na.png,1,exam\n', /line 2: the split must be train, validation or test; got "exam"/],
    ['file,label\n', /no line of labels/],
    ['', /empty/],
  ])('that is wrong is told with its line: %j', async (csv, message) => {
    const archive = zip([...(await images()), ...(csv === '' ? [{ name: 'set/labels.csv' }] : [])]);
    await expect(upload(archive, {}, csv || undefined)).rejects.toThrow(message);
  });

  test('a regression asks for numbers', async () => {
    await expect(upload(zip(await images()), { task: 'regression' }, 'file,label\na.png,many\n')).rejects.toThrow(
      /line 2: the label must be a number for a regression; got "many"/,
    );
  });
});

test('digits as PNG in folders give the very dataset that they give as IDX', async () => {
  const pixels = Array.from({ length: 12 }, (_, i) =>
    Uint8Array.from({ length: 16 }, (_, at) => (i * 31 + at * 7) % 256),
  );
  const labels = pixels.map((_, i) => (i * 5) % 3);
  const files = {
    images: await save(
      root,
      idx(
        8,
        [12, 4, 4],
        pixels.flatMap((p) => [...p]),
      ),
    ),
    labels: await save(root, idx(8, [12], labels)),
  };
  const asIdx = await store({ kind: 'idx', files }, root);
  const entries = await Promise.all(
    pixels.map(async (image, i) => ({
      name: `digits/${labels[i]}/${String(i).padStart(5, '0')}.png`,
      content: await png(4, 4, image),
    })),
  );
  const asZip = await upload(zip(entries.sort(() => -1)));
  expect(asZip.info.sha256).toBe(asIdx.info.sha256);
  expect(asZip.info.classes).toEqual(asIdx.info.classes);
});

test('the decoded pixels stay beside the upload, which goes as a whole', async () => {
  const folder = join(root, 'uploaded');
  await mkdir(folder);
  const file = await save(folder, zip(await four()));
  await store(uploadSource({ name: 'a' }, { file }), root);
  for (const name of await readdir(folder)) expect(join(folder, name).startsWith(file)).toBe(true);
});
