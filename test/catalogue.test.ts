import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { catalogue, catalogueFile } from '../scripts/catalogue.ts';

test('docs/catalogue.md says what the code has: otherwise run `npm run catalogue`', () => {
  expect(readFileSync(catalogueFile, 'utf8')).toBe(catalogue());
});
