// Reads one file once, in a process of its own: with the service's import, or with a library alone.
//   node child.mjs '{"source": …, "folder": PATH}'   or   '{"library": NAME, "file": PATH}'
// Prints {seconds, rssBytes}. In plain JavaScript: a loader for TypeScript would count as memory.
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

const request = JSON.parse(process.argv[2]);

/** Takes a stream to its end. */
async function drained(stream) {
  for await (const _ of stream);
}

async function csv(file, delimiter) {
  const { parse } = await import('csv-parse');
  await drained(createReadStream(file).pipe(parse({ delimiter })));
}

/** Each file of a ZIP, one after the other. */
async function eachZipEntry(file, take) {
  const { default: yauzl } = await import('yauzl');
  const zip = await new Promise((resolve, reject) =>
    yauzl.open(file, { lazyEntries: true }, (error, zip) => (error ? reject(error) : resolve(zip))),
  );
  await new Promise((resolve, reject) => {
    zip.on('end', resolve);
    zip.on('error', reject);
    zip.on('entry', (entry) => {
      zip.openReadStream(entry, (error, stream) => {
        if (error) return reject(error);
        take(stream).then(() => zip.readEntry(), reject);
      });
    });
    zip.readEntry();
  });
}

async function bytesOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const libraries = {
  csv: (file) => csv(file, ','),
  tsv: (file) => csv(file, '\t'),
  json: async (file) => JSON.parse(await readFile(file, 'utf8')),
  async ndjson(file) {
    for await (const line of createInterface({ input: createReadStream(file) })) JSON.parse(line);
  },
  async parquet(file) {
    const { parquetMetadataAsync, parquetRead } = await import('hyparquet');
    const handle = await open(file);
    const { size } = await handle.stat();
    const slice = async (start, end = size) => {
      const { buffer } = await handle.read(new Uint8Array(end - start), 0, end - start, start);
      return buffer.buffer;
    };
    const buffer = { byteLength: size, slice };
    const metadata = await parquetMetadataAsync(buffer);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      await parquetRead({ file: buffer, metadata, rowStart, rowEnd, onComplete() {} });
      rowStart = rowEnd;
    }
    await handle.close();
  },
  gunzip: (file) => drained(createReadStream(file).pipe(createGunzip())),
  read: (file) => drained(createReadStream(file, { highWaterMark: 2 ** 18 })),
  unzip: (file) => eachZipEntry(file, drained),
  async zipImages(file) {
    const { default: sharp } = await import('sharp');
    await eachZipEntry(file, async (stream) =>
      sharp(await bytesOf(stream))
        .raw()
        .toBuffer(),
    );
  },
  async tarImages(file) {
    const { default: sharp } = await import('sharp');
    const { extract } = await import('tar-stream');
    const entries = createReadStream(file).pipe(extract());
    for await (const entry of entries)
      await sharp(await bytesOf(entry))
        .raw()
        .toBuffer();
  },
};

// Loaded before, as in the service.
const { importDataset } = request.source ? await import('../../../dist/data/importer.js') : {};
const started = performance.now();
if (request.source) await importDataset(request.source, request.folder, { maxBytes: 2 ** 33 });
else await libraries[request.library](request.file);
const seconds = (performance.now() - started) / 1000;
console.log(JSON.stringify({ seconds, rssBytes: process.resourceUsage().maxRSS * 1024 }));
