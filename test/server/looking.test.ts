// Looking at datasets, and adding to them, over HTTP: what reaches the service, and what comes back.
import { expect, test } from 'vitest';
import { bodyOf, startServer } from '../helpers/server.ts';
import { leftovers } from '../helpers/serverServices.ts';

const defaults = { split: 'train', newClasses: false, replace: false, fit: 'contain', invert: false };

test('samples are added as JSON, or as images with their labels', async () => {
  const { url, services } = await startServer();
  const target = `${url}/v1/datasets/mnist/samples`;
  const json = await fetch(`${target}?split=test&newClasses=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"inputs": [[1]], "targets": ["7"]}',
  });
  expect(json.status).toBe(201);
  const dataset = await bodyOf(json);
  expect(json.headers.get('location')).toBe(`/v1/datasets/${dataset.id}`);
  const form = new FormData();
  form.append('image', new Blob(['one']), 'a.png');
  form.append('label', '3');
  form.append('label', 'vier ü');
  form.append('image', new Blob(['two']), '../../b.png');
  expect((await fetch(`${target}?replace=true`, { method: 'POST', body: form })).status).toBe(201);
  expect(services.calls).toEqual([
    {
      name: 'addSamples',
      args: [
        { inputs: [[1]], targets: ['7'] },
        { ...defaults, split: 'test', newClasses: true },
      ],
    },
    {
      name: 'addSamples',
      args: [
        [
          ['one', '3'],
          ['two', 'vier ü'],
        ],
        { ...defaults, replace: true },
      ],
    },
  ]);
  expect(await leftovers(services)).toEqual([]);
});

test('wrong parts of an addition are told, and nothing stays', async () => {
  const { url, services } = await startServer();
  const post = (parts: [string, string | Blob][], name = 'mnist', query = '') => {
    const form = new FormData();
    for (const [key, value] of parts) form.append(key, value);
    return fetch(`${url}/v1/datasets/${name}/samples${query}`, { method: 'POST', body: form });
  };
  const image = new Blob(['x']);
  const refused: [Response, number, string][] = [
    [await post([['image', image]]), 400, '1 images and 0 labels came'],
    [await post([['label', 'a']]), 400, 'no image came'],
    [await post([['picture', image]]), 400, 'unknown part "picture"'],
    [
      await post([
        ['image', image],
        ['label', ''],
      ]),
      400,
      'a label must be text',
    ],
    [
      await post([
        ['image', image],
        ['label', 'a\u0007'],
      ]),
      400,
      'a label must be text',
    ],
    [
      await post([
        ['image', image],
        ['label', 'a'.repeat(2000)],
      ]),
      413,
      'a label is longer',
    ],
    [
      await post(
        [
          ['image', image],
          ['label', 'a'],
        ],
        'absent',
      ),
      404,
      'no dataset "absent"',
    ],
    [
      await post(
        [
          ['image', image],
          ['label', 'a'],
        ],
        'mnist',
        '?split=exam',
      ),
      400,
      '/split',
    ],
    [
      await post(
        [
          ['image', image],
          ['label', 'a'],
        ],
        'mnist',
        '?repalce=true',
      ),
      400,
      'repalce',
    ],
  ];
  for (const [response, status, text] of refused) {
    const { detail } = await bodyOf(response);
    expect([response.status, detail]).toEqual([status, expect.stringContaining(text)]);
  }
  expect(await leftovers(services)).toEqual([]);
  expect(services.calls).toEqual([]);
});

test('a sheet, a report and a histogram', async () => {
  const { url, services } = await startServer();
  const sheet = await fetch(`${url}/v1/datasets/mnist/sheet.png?rows=2&class=7&split=test`);
  expect(sheet.headers.get('content-type')).toBe('image/png');
  expect((await fetch(`${url}/v1/datasets/mnist/sheet.png?rows=31`)).status).toBe(400);
  const report = await bodyOf(await fetch(`${url}/v1/datasets/mnist/report`));
  expect(report.inputs.items[0].name).toBe('grey');
  const histogram = await fetch(`${url}/v1/datasets/mnist/histogram.svg?feature=grey`);
  expect(histogram.headers.get('content-type')).toBe('image/svg+xml');
  expect(histogram.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await histogram.text()).toMatch(/^<svg xmlns.*grey, training split.*mean 33\.3/s);
  expect(services.calls).toEqual([
    { name: 'sheet', args: [{ split: 'test', rows: 2, columns: 10, class: '7', offset: 0 }] },
    { name: 'histogram', args: ['grey'] },
  ]);
});
