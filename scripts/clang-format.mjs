// Formats the C++ files in place, or with --check fails where one is not formatted. Where clang-format is not installed it
// says so and passes: the C++ is checked wherever it is there, and always in CI.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const files = readdirSync('native', { recursive: true })
  .filter((file) => /\.(cc|h)$/.test(file))
  .map((file) => join('native', file));
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { error, status } = spawnSync('clang-format', [...mode, ...files], { stdio: 'inherit' });
if (error) {
  console.warn('clang-format is not installed: the C++ format was not checked');
  process.exit(process.env.CI ? 1 : 0);
}
process.exit(status ?? 1);
