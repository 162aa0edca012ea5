import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';

interface Predicted {
  class: string | null;
  probability: number | null;
  output: number[];
}
export type Predict = (input: ArrayLike<number>) => Predicted;

const strict = ['strict', 'noUncheckedIndexedAccess', 'noUnusedLocals', 'noUnusedParameters', 'noImplicitReturns'];

/**
 * Compiles exported files, all at once, under the strictest rules and with nothing but the language known; runs them as a browser would, in
 * contexts that have nothing of Node.js.
 * @returns what the compiler said, and `predict` of each file
 */
export function compileExports(folder: string, files: Uint8Array[]): { said: string; predicts: Predict[] } {
  const paths = files.map((file, i) => {
    const path = join(folder, `model${i}.ts`);
    writeFileSync(path, file);
    return path;
  });
  const flags = ['--outDir', folder, '--target', 'es2022', '--lib', 'es2022', '--module', 'commonjs', '--types', ''];
  const rules = strict.map((option) => `--${option}`);
  const { stdout, stderr } = spawnSync('node_modules/.bin/tsc', [...flags, ...rules, '--ignoreConfig', ...paths], {
    encoding: 'utf8',
  });
  const predicts = paths.map((path) => {
    const context = createContext({ exports: {} });
    runInContext(readFileSync(path.replace(/ts$/, 'js'), 'utf8'), context);
    if (runInContext('typeof process + typeof Buffer + typeof atob', context) !== 'undefined'.repeat(3)) {
      throw new Error('the context has more than the language');
    }
    return runInContext('exports.predict', context) as Predict;
  });
  return { said: stdout + stderr, predicts };
}
