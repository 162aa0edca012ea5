// Archives that are wrong or made to harm: each is told with the entry, and costs little.
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readSource } from '../../../src/data/readers/index.ts';
import { uploadSource } from '../../../src/data/source.ts';
import { HebbError } from '../../../src/errors.ts';
import { limits, save, store, temporaryFolder } from '../../helpers/data.ts';
import { crc32, png, tar, zip } from '../../helpers/images.ts';

const root = await temporaryFolder();
const dot = await png(1, 1, [7]);
const good = [
  { name: 'a/1.png', content: dot },
  { name: 'b/2.png', content: dot },
];

async function refusal(
  archive: Buffer,
  meta: object = {},
  most: Partial<typeof limits & { maxArchiveEntries: number }> = {},
) {
  const source = uploadSource({ name: 'a', format: 'images', ...meta }, { file: await save(root, archive) });
  try {
    await readSource(source, { ...limits, ...most });
  } catch (error) {
    if (!(error instanceof HebbError)) throw error;
    expect(error.status, error.message).toBeGreaterThanOrEqual(400);
    expect(error.status, error.message).toBeLessThan(500);
    return error;
  }
  throw new Error('nothing was thrown');
}

async function upload(archive: Buffer, meta: object = {}) {
  return store(uploadSource({ name: 'a', ...meta }, { file: await save(root, archive) }), root);
}

describe('names', () => {
  const names: [string, RegExp][] = [
    ['../../etc/cron.d/1.png', /the entry "..\/..\/etc\/cron.d\/1.png" leads out of the archive/],
    ['a/../../1.png', /leads out of the archive/],
    ['/etc/1.png', /the entry "\/etc\/1.png" has an absolute path/],
    ['C:/windows/1.png', /has an absolute path/],
    [`a/${'x'.repeat(1100)}.png`, /has a name of more than 1024 bytes/],
    ['a/1.png', /the entry "a\/1.png" is in the archive twice/],
    ['./a//1.png', /the entry "a\/1.png" is in the archive twice/],
  ];
  test.each(names)('%j is refused in a ZIP and in a TAR', async (name, message) => {
    for (const archive of [zip([...good, { name, content: dot }]), await tar([...good, { name, content: dot }])]) {
      const error = await refusal(archive);
      expect(error.code).toBe('invalid-file');
      expect(error.message).toMatch(message);
    }
  });

  test('with backslashes or zero bytes', async () => {
    expect((await refusal(zip([...good, { name: '..\\..\\1.png', content: dot }]))).message).toMatch(/leads out/);
    expect((await refusal(zip([...good, { name: 'a/\0.png', content: dot }]))).message).toMatch(/zero byte/);
    const windows = await upload(
      zip([
        { name: 'set\\a\\1.png', content: dot },
        { name: 'set\\b\\1.png', content: dot },
      ]),
    );
    expect(windows.info.classes).toEqual(['a', 'b']);
  });

  test('classes of odd bytes are refused, odd names of files are not', async () => {
    const bell = zip([...good, { name: 'c\u0007/1.png', content: dot }]);
    expect((await refusal(bell)).message).toMatch(/"c\\u0007\/1.png" is of a class whose name has control characters/);
    const latin = zip([...good, { name: Buffer.from([0xe9, 0x2f, 0x31, 0x2e, 0x70, 0x6e, 0x67]), content: dot }]);
    expect((await refusal(latin)).message).toMatch(/is of a class whose name is not UTF-8/);
    expect((await refusal(zip([...good, { name: `${'c'.repeat(201)}/1.png`, content: dot }]))).message).toMatch(
      /200 characters/,
    );
    const odd = await upload(
      zip([...good, { name: 'ü 🦆/\u0007 ünï.png', content: dot }, { name: '__proto__/1.png', content: dot }]),
    );
    expect(odd.info.classes).toEqual(['__proto__', 'a', 'b', 'ü 🦆']);
  });
});

describe('what an archive may not hold', () => {
  test('links and devices', async () => {
    for (const type of ['symlink', 'link', 'block-device', 'character-device', 'fifo'] as const) {
      const error = await refusal(await tar([...good, { name: 'a/x.png', type, linkname: '/etc/passwd' }]));
      expect(error.message).toMatch(`the entry "a/x.png" is a ${type}`);
    }
    for (const mode of [0o120777, 0o020666, 0o060666, 0o010644, 0o140777]) {
      const error = await refusal(zip([...good, { name: 'a/x.png', content: '/etc/passwd', mode }]));
      expect(error.message).toMatch(/the entry "a\/x.png" is a link or a device/);
    }
  });

  test('passwords and methods that nobody reads', async () => {
    expect((await refusal(zip([{ name: 'a/1.png', content: dot, flags: 1 }]))).message).toMatch(
      /the entry "a\/1.png" is encrypted/,
    );
    expect((await refusal(zip([{ name: 'a/1.png', content: dot, method: 14 }]))).message).toMatch(
      /is packed by method 14/,
    );
  });

  test('no images at all', async () => {
    expect((await refusal(zip([]))).message).toMatch(/no images .* but nothing/);
    expect((await refusal(zip([{ name: 'a/notes.txt', content: 'x' }]))).message).toMatch(
      /but 1 other files \("a\/notes.txt"\)/,
    );
    expect((await refusal(await tar([{ name: 'a/', type: 'directory' }]))).message).toMatch(/no images/);
    expect((await refusal(Buffer.from('a,b\n1,2\n'))).message).toMatch(/a ZIP, a TAR or a gzipped TAR/);
    expect((await refusal(Buffer.alloc(0))).message).toMatch(/a ZIP, a TAR or a gzipped TAR/);
    expect((await refusal(zlib.gzipSync('a,b\n1,2\n'))).code).toBe('invalid-file');
  });

  test('images in no folder of a class', async () => {
    const error = await refusal(zip([...good, { name: '3.png', content: dot }]));
    expect(error.message).toMatch(/the image "3.png" is in no folder of a class; expected CLASS\/NAME.png/);
    const split = zip([
      { name: 'train/a/1.png', content: dot },
      { name: 'test/1.png', content: dot },
    ]);
    expect((await refusal(split)).message).toMatch(/"test\/1.png" is in "test", but in no folder of a class/);
    const noTrain = zip([
      { name: 'train/a/x.bmp', content: dot },
      { name: 'test/a/1.png', content: dot },
    ]);
    expect((await refusal(noTrain, { broken: 'skip' })).message).toMatch(/no image is left to train on/);
  });
});

describe('bombs', () => {
  test('an entry that unpacks to far more than it is', async () => {
    const error = await refusal(zip([...good, { name: 'a/x.png', content: Buffer.alloc(30e6) }]));
    expect(error.code).toBe('too-large');
    expect(error.message).toMatch(/the entry "a\/x.png" has \d+ bytes and unpacks to 30000000/);
  });

  test('an entry that lies about its size', async () => {
    const content = Buffer.alloc(5e6);
    const error = await refusal(zip([...good, { name: 'a/x.png', content, size: 100 }]));
    expect(error.code).toBe('invalid-image');
    expect(error.message).toMatch(/"a\/x.png": it cannot be unpacked \(it has more bytes than the 100 promised/);
  });

  test('many entries of the same bytes: all together are counted', async () => {
    const packed = zlib.deflateRawSync(Buffer.alloc(150_000));
    const entry = { packed, size: 150_000, crc: crc32(Buffer.alloc(150_000)) };
    const many = Array.from({ length: 300 }, (_, i) => ({ name: `a/${i}.txt`, ...entry }));
    expect((await refusal(zip(many))).message).toMatch(/holds no photographs or drawings/);
  });

  test('entries that share their bytes, or promise more than there are', async () => {
    const shared = zip(Array.from({ length: 3 }, (_, i) => ({ name: `a/${i}.png`, content: dot, stored: true })));
    // The directory says of each that it has all three.
    for (let at = shared.indexOf('PK\x01\x02'); at >= 0; at = shared.indexOf('PK\x01\x02', at + 4)) {
      shared.writeUInt32LE(3 * dot.length, at + 20);
      shared.writeUInt32LE(3 * dot.length, at + 24);
    }
    expect((await refusal(shared)).message).toMatch(/the entries together are larger than the ZIP/);
  });

  test('a gzipped TAR, whole or in one file', async () => {
    const zeros = { name: 'a/x.png', content: Buffer.alloc(40e6) };
    expect((await refusal(await tar([...good, zeros], true))).code).toBe('too-large');
    const declared = await tar([{ name: 'a/x.png', content: 'x' }]);
    declared.write('77777777777', 124); // 8 GiB − 1, in octal
    declared.write('0'.repeat(6), 148);
    let sum = 0;
    for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : declared[i]!;
    declared.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect((await refusal(declared)).message).toMatch(/"a\/x.png" has 8589934591 bytes; one file may have at most/);
  });

  test('more than is stored, and more files than a setting takes', async () => {
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 31) % 251));
    const archive = zip([{ name: 'a/1.txt', content: noise }, ...good]);
    expect((await refusal(archive, {}, { maxBytes: 4000 })).message).toMatch(/unpacks to more than 4000 bytes/);
    const many = Array.from({ length: 30 }, (_, i) => ({ name: `a/${i}.png`, content: dot }));
    for (const one of [zip(many), await tar(many), await tar(many, true)]) {
      const error = await refusal(one, {}, { maxArchiveEntries: 29 });
      expect(error.code).toBe('too-large');
      expect(error.message).toMatch(/more than 29 files and folders; HEBB_MAX_ARCHIVE_ENTRIES/);
    }
    const folders = Array.from({ length: 40 }, (_, i) => ({ name: `f${i}/`, type: 'directory' as const }));
    expect((await refusal(await tar(folders), {}, { maxArchiveEntries: 29 })).code).toBe('too-large');
  });

  test('images of 100,000 × 100,000 are refused by their header', async () => {
    const giant = Buffer.from(dot);
    giant.writeUInt32BE(100_000, 16);
    giant.writeUInt32BE(100_000, 20);
    giant.writeUInt32BE(crc32(giant.subarray(12, 29)), 29);
    const error = await refusal(zip([...good, { name: 'a/x.png', content: giant }]));
    expect(error.code).toBe('invalid-image');
    expect(error.message).toMatch(/the image "a\/x.png": .*million pixels/);
    // With a size given only the second pass looks into it.
    const sized = { image: { height: 1, width: 1 } };
    expect((await refusal(zip([...good, { name: 'a/x.png', content: giant }]), sized)).message).toMatch(
      /million pixels/,
    );
  });

  test('sizes that nobody asked for have a limit, and so has what is stored', async () => {
    const large = await png(1100, 1000, 3);
    const error = await refusal(zip([{ name: 'a/1.png', content: large }]));
    expect(error.message).toMatch(/most images are 1000 × 1100 pixels; say which size is wanted/);
    expect(
      (await upload(zip([{ name: 'a/1.png', content: large }]), { image: { height: 4, width: 4 } })).info.inputShape,
    ).toEqual([4, 4, 1]);
    const sized = { image: { height: 2000, width: 2000 } };
    expect((await refusal(zip(good), sized, { maxBytes: 1e6 })).message).toMatch(
      /\/image: 2 images of 2000 × 2000 take/,
    );
    expect((await refusal(zip(good), { image: { height: 8192, width: 8192 } })).code).toBe('too-large');
  });
});

describe('damage', () => {
  test('an archive that is cut short anywhere', async () => {
    const archives = [zip(good), await tar(good), await tar(good, true)];
    for (const archive of archives) {
      for (let part = 1; part < 20; part++) {
        const error = await refusal(archive.subarray(0, Math.floor((archive.length * part) / 20)));
        expect(error.code).toBe('invalid-file');
      }
    }
  });

  test('flipped bits never do more than be told', async () => {
    for (const archive of [zip(good), await tar(good), await tar(good, true)]) {
      for (let i = 0; i < 60; i++) {
        const damaged = Buffer.from(archive);
        damaged[(i * 7919) % damaged.length]! ^= 1 << (i % 8);
        const file = await save(root, damaged);
        // Some flips hit what does not matter.
        await store(uploadSource({ name: 'a', format: 'images' }, { file }), root).catch((error) => {
          if (!(error instanceof HebbError)) throw error;
          expect(error.status, error.message).toBeLessThan(500);
        });
      }
    }
  });

  const text = Buffer.from('this is no image');
  test('broken images are listed, or left out where that is asked for', async () => {
    const broken = [
      { name: 'a/cut.png', content: (await png(30, 30, [200, 10, 90])).subarray(0, 90) },
      { name: 'a/text.png', content: text },
      { name: 'b/empty.jpg', content: '' },
      { name: 'b/old.bmp', content: 'BM' },
      { name: 'b/drawing.png', content: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>' },
    ];
    const archive = zip([...good, ...broken]);
    const error = await refusal(archive);
    expect(error).toMatchObject({ code: 'invalid-image', status: 400 });
    expect(error.message).toMatch(/With "broken": "skip" such images are left out/);
    expect(error.faults!.map(({ received }) => received)).toEqual(
      expect.arrayContaining(broken.map(({ name }) => name)),
    );
    expect(error.faults!.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/the image "a\/text.png": expected PNG, .*; got text that begins with "this is no i"/),
        expect.stringMatching(/the image "b\/empty.jpg": it is empty/),
        expect.stringMatching(/the image "b\/old.bmp": images ".bmp" are not read/),
      ]),
    );
    const { info } = await upload(archive, { broken: 'skip' });
    expect(info.samples.train).toBe(2);
    const warning = info.warnings.find(({ code }) => code === 'broken-images')!;
    expect(warning.message).toMatch(/^5 images cannot be read and were left out: /);
    for (const { name } of broken) expect(warning.message).toContain(name);
  });

  test('of very many only the first twenty are listed', async () => {
    const many = Array.from({ length: 50 }, (_, i) => ({ name: `a/${i}.png`, content: text }));
    for (const archive of [zip(many), await tar(many)]) {
      const error = await refusal(archive);
      expect(error.faults).toHaveLength(20);
      expect(error.message).toContain('(and more)');
      expect((await refusal(archive, { image: { height: 2, width: 2 } })).faults).toHaveLength(20);
    }
    expect((await refusal(zip(many), { broken: 'skip' })).message).toMatch(/none of its images can be read/);
  });

  test('a content that does not fit its checksum', async () => {
    const archive = zip([...good, { name: 'a/x.png', content: dot, crc: 1 }]);
    const { info } = await upload(archive, { broken: 'skip' });
    // Node.js before 20.15 has no CRC-32.
    expect(info.samples.train).toBe('crc32' in zlib ? 2 : 3);
  });
});

describe('too little', () => {
  test('a class without images is named', async () => {
    await expect(upload(zip([...good, { name: 'c/', content: '' }]))).rejects.toMatchObject({
      code: 'invalid-file',
      message: expect.stringContaining('no image is in the folder "c"'),
      faults: [expect.objectContaining({ pointer: '/file', received: 'c' })],
    });
  });
});

describe('what is allowed, but odd', () => {
  test('one image, one class: a set that grows begins with one', async () => {
    const { info } = await upload(zip([good[0]!]));
    expect(info).toMatchObject({ classes: ['a'], samples: { train: 1 } });
  });
});

test('names taken for classes are a mistake that is told', async () => {
  const many = zip(Array.from({ length: 30 }, (_, i) => ({ name: `${i}/1.png`, content: dot })));
  const names = await refusal(many);
  expect(names.message).toContain('the 30 images are of 30 classes, that is fewer than two images a class');
  expect(names.faults).toMatchObject([{ pointer: '/file', received: 30 }]);
  const meant = Array.from({ length: 30 }, (_, i) => String(i));
  expect((await upload(many, { classes: meant })).info.classes).toEqual(meant);
});
