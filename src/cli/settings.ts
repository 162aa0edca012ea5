import { UsageError } from './command.ts';

type Values = Record<string, unknown>;

/**
 * Puts `KEY=VALUE` of the command line into a request: `training.optimizer.learningRate=0.01`. A value is JSON where it can be read as
 * such, otherwise text. Objects on the way are made; numbers are places in lists.
 * @throws UsageError
 */
export function applySettings(request: Values, settings: readonly string[] = []): Values {
  const changed = structuredClone(request);
  for (const setting of settings) {
    const [, path, text] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
    if (path === undefined || text === undefined) throw new UsageError(`--set takes KEY=VALUE, got "${setting}"`);
    put(changed, path.split('.'), jsonOrText(text), setting);
  }
  return changed;
}

function put(into: Values, keys: string[], value: unknown, setting: string): void {
  let at: Values = into;
  for (const [i, key] of keys.entries()) {
    if (key === '' || key === '__proto__') throw new UsageError(`--set ${setting}: "${key}" is no key`);
    if (Array.isArray(at) && !(Number(key) < at.length)) {
      throw new UsageError(`--set ${setting}: the list has ${at.length} entries, from 0 on; there is no "${key}"`);
    }
    if (i === keys.length - 1) {
      at[key] = value;
      return;
    }
    const next = Object.hasOwn(at, key) ? at[key] : undefined;
    if (next !== undefined && (typeof next !== 'object' || next === null)) {
      throw new UsageError(
        `--set ${setting}: ${keys.slice(0, i + 1).join('.')} is ${JSON.stringify(next)}, nothing with keys`,
      );
    }
    if (next === undefined) at[key] = {};
    at = at[key] as Values;
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `validation=0.1,test=0.2,seed=1` as an object. @throws UsageError */
export function splitOption(text: string): Values {
  const keys = ['validation', 'test', 'seed', 'stratify'];
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [key, value] = part.split('=').map((side) => side.trim());
      if (!key || !value || !keys.includes(key)) {
        throw new UsageError(`--split takes ${keys.join(', ')} as in validation=0.1,test=0.2, got "${part}"`);
      }
      return [key, jsonOrText(value)];
    }),
  );
}
