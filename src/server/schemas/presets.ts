import { type Static, Type } from 'typebox';
import { closed, component, json, pageOf, problems } from './common.ts';
import * as examples from './examples.ts';

const tags = ['jobs'];

const nameParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 256 }) }, closed);
export type NameParams = Static<typeof nameParams>;

export const list = {
  operationId: 'listPresets',
  summary: 'List jobs that are ready to be sent',
  description: 'The systems of the course in its order, then others. POST /v1/jobs with {"preset": NAME} runs one.',
  tags,
  response: {
    200: json('All presets.', pageOf('Preset'), { items: [examples.preset], next: null }),
    ...problems(),
  },
};

export const get = {
  operationId: 'getPreset',
  summary: 'Show one preset',
  tags,
  params: nameParams,
  response: { 200: json('The preset.', component('Preset'), examples.preset), ...problems(404) },
};
