import { Zip, type ZipDeflate, type ZipPassThrough } from 'fflate';

/**
 * A ZIP of files, by name, piece by piece.
 * @param Entry says whether they are compressed
 */
export function* zipped(
  files: Record<string, Iterable<Uint8Array>>,
  Entry: typeof ZipPassThrough | typeof ZipDeflate,
): Generator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const zip = new Zip((error, piece) => {
    if (error) throw error;
    pieces.push(piece);
  });
  for (const [name, content] of Object.entries(files)) {
    const entry = new Entry(name);
    zip.add(entry);
    for (const piece of content) {
      entry.push(piece);
      yield* pieces.splice(0);
    }
    entry.push(new Uint8Array(0), true);
  }
  zip.end();
  yield* pieces.splice(0);
}
