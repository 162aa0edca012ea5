import { Type } from 'typebox';
import { HebbError } from '../errors.ts';
import { type Preset, presets } from '../presets/index.ts';
import { assertValid, compileSchema, didYouMean } from '../validate.ts';
import type { PresetService } from './types.ts';

export const presetName = Type.String({ minLength: 1, maxLength: 200, description: 'Name of a preset.' });

/** A preset's network in place of one that is spelt out. */
export const networkPresetSchema = Type.Object(
  {
    preset: presetName,
    input: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 24 }), {
        minItems: 1,
        maxItems: 4,
        description: 'Shape of one sample [the dataset’s, or without a dataset the preset’s].',
      }),
    ),
  },
  { additionalProperties: false, description: 'The network of a preset.' },
);

const validateName = compileSchema(Type.Object({ preset: presetName }));
const validateNetwork = compileSchema(Type.Object({ network: networkPresetSchema }));

const byName = new Map(presets.map((preset) => [preset.name, preset]));

export const presetService: PresetService = {
  list: () => ({ items: [...presets], next: null }),
  get(name) {
    const preset = byName.get(name);
    if (preset) return preset;
    throw new HebbError('not-found', unknown(name));
  },
};

function unknown(name: string): string {
  return `no preset is called "${name}"${didYouMean(name, [...byName.keys()])}; GET /v1/presets lists them`;
}

function find(name: string, pointer: string): Preset {
  const preset = byName.get(name);
  if (preset) return preset;
  const message = unknown(name);
  throw new HebbError('unknown-preset', message, [{ pointer, message, received: name }]);
}

/**
 * The job that a request means, presets spelt out. Of `{"preset": NAME, …}` everything else replaces what the preset has:
 * `training` key by key, at every depth, the others whole. An object whose `type` differs is replaced whole as well: another
 * optimiser takes nothing over. A job without a name gets the preset's.
 * @returns the request as it came where it has no preset, whatever it is
 * @throws HebbError('unknown-preset'), with the name that may have been meant
 */
export function spellOut(request: unknown): unknown {
  if (!isObject(request)) return request;
  let body = request;
  if ('preset' in body) {
    assertValid(validateName, { preset: body.preset });
    const { preset: name, ...overrides } = body;
    const { job } = find(name as string, '/preset');
    const training = 'training' in overrides ? mergedTraining(job.training, overrides.training) : job.training;
    body = { name, ...job, ...overrides, training };
  }
  const { network } = body;
  if (isObject(network) && 'preset' in network) {
    assertValid(validateNetwork, { network });
    const preset = find(network.preset as string, '/network/preset').job.network;
    const input = network.input ?? (body.dataset === undefined ? preset.input : undefined);
    body = { ...body, network: { ...(input !== undefined && { input }), layers: preset.layers } };
  }
  return structuredClone(body);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Steps say how long a training is in place of the preset's epochs. */
function mergedTraining(base: unknown, override: unknown): unknown {
  if (!isObject(base) || !isObject(override) || override.steps === undefined) return merged(base, override);
  const { epochs: _, ...rest } = base;
  return merged(rest, override);
}

function merged(base: unknown, override: unknown): unknown {
  if (!isObject(base) || !isObject(override)) return override;
  if (override.type !== undefined && override.type !== base.type) return override;
  const keys = new Set([...Object.keys(base), ...Object.keys(override)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, key in override ? merged(base[key], override[key]) : base[key]]),
  );
}
