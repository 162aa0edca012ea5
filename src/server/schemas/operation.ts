import { Type } from 'typebox';
import { component, json, problems } from './common.ts';
import * as examples from './examples.ts';

const tags = ['operation'];
const status = Type.Object({ status: Type.Literal('ok') });

export const root = {
  operationId: 'getRoot',
  summary: 'Where things are',
  tags,
  response: {
    200: json(
      'Name, version and links.',
      Type.Object({
        name: Type.String(),
        version: Type.String(),
        links: Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } }),
      }),
      { name: 'hebb', version: '0.1.0', links: { docs: '/docs' } },
    ),
    ...problems(),
  },
};

export const health = {
  operationId: 'getHealth',
  summary: 'Is the process alive',
  tags,
  response: { 200: json('It is.', status, { status: 'ok' }), ...problems() },
};

export const ready = {
  operationId: 'getReadiness',
  summary: 'Can it take work',
  tags,
  response: { 200: json('It can.', status, { status: 'ok' }), ...problems(503) },
};

export const info = {
  operationId: 'getInfo',
  summary: 'Version, instruction set and threads',
  tags,
  response: { 200: json('What runs here.', component('Info'), examples.info), ...problems() },
};
