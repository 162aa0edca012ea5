import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { earlierModels } from '../../src/service/aliases.ts';
import { escapeMarkdown } from '../../src/service/modelCard.ts';
import type { Model, Services } from '../../src/service/types.ts';
import { listening } from '../helpers/listening.ts';
import { bodyOf } from '../helpers/server.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

/** A model of one input that gives it back so many times. */
async function times(services: Services, factor: number, name = 'times'): Promise<Model> {
  const { id } = await services.jobs.create({
    name,
    network: { input: [1], layers: [{ type: 'dense', units: 1, weights: { weight: [[factor]], bias: [0] } }] },
    training: { epochs: 0 },
  });
  expect((await reached(services, id)).error).toBeNull();
  return services.models.get(id);
}

const first = { limit: 50 };

test('models have versions, notes and tags', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { models, predictions } = services;
  const one = await times(services, 1);
  const two = await times(services, 2);
  await times(services, 3, 'other');
  expect([one.version, two.version]).toEqual([1, 2]);
  expect(models.list({ ...first, name: 'times' }).items.map(({ id }) => id)).toEqual([two.id, one.id]);
  expect(models.list({ ...first, name: 'absent' }).items).toEqual([]);
  const page = models.list({ limit: 1, name: 'times' });
  expect(models.list({ limit: 1, name: 'times', cursor: page.next! })).toMatchObject({
    items: [{ id: one.id }],
    next: null,
  });
  expect(models.get('times').id).toBe(two.id);
  expect(models.get('times@1').id).toBe(one.id);
  expect(() => models.get('times@3')).toThrow(expect.objectContaining({ code: 'not-found' }));
  expect((await predictions.predictInstances('times@1', [[5]], {})).predictions[0]!.output).toEqual([5]);

  expect(models.describe('times@1', { notes: 'old' })).toMatchObject({ id: one.id, notes: 'old', tags: [] });
  expect(models.describe(one.id, { tags: ['a', 'b'] })).toMatchObject({ notes: 'old', tags: ['a', 'b'] });
  expect(models.get(one.id)).toMatchObject({ version: 1, notes: 'old', tags: ['a', 'b'] });

  await models.delete(two.id);
  expect(models.get('times').version).toBe(1);
  expect((await times(services, 4)).version).toBe(3);
});

test('what an alias pointed at before, as roll-backs see it', () => {
  const steps = (text: string) =>
    text.split(' ').map((step) => {
      const action = { '+': 'set', '<': 'rollback', '-': 'remove' }[step[0]!] as 'set';
      return { action, model: step.slice(1) };
    });
  expect(earlierModels(steps('+a +b +c'), true)).toEqual(['b', 'a']);
  expect(earlierModels(steps('+a +b +c <b'), true)).toEqual(['a']);
  expect(earlierModels(steps('+a +b +c <b <a'), true)).toEqual([]);
  expect(earlierModels(steps('+a +b <a +c'), true)).toEqual(['a']);
  expect(earlierModels(steps('+a +b +a +b'), true)).toEqual(['a', 'b', 'a']);
  expect(earlierModels(steps('+a +b -b'), false)).toEqual(['b', 'a']);
  expect(earlierModels(steps('+a +b -b +b'), true)).toEqual(['a']);
  // The beginning is forgotten.
  expect(earlierModels(steps('<a +b'), true)).toEqual(['a']);
});

test('aliases have a history and are rolled back, past what is deleted', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { models } = services;
  const made: Model[] = [];
  for (let i = 1; i <= 4; i++) made.push(await times(services, i));
  const [one, two, three, four] = made as [Model, Model, Model, Model];
  expect(models.alias('default')).toEqual({ alias: 'default', model: four.id, name: 'times', version: 4, since: null });
  expect(models.aliasHistory('default', first).items).toEqual([]);
  expect(() => models.rollBackAlias('default')).toThrow(/follows the newest completed job/);
  expect(() => models.alias('best')).toThrow(expect.objectContaining({ code: 'not-found' }));
  expect(() => models.aliasHistory('best', first)).toThrow(expect.objectContaining({ code: 'not-found' }));
  expect(() => models.rollBackAlias('best')).toThrow(expect.objectContaining({ code: 'not-found' }));

  for (const { id } of made) models.setAlias('best', id);
  const { since } = models.alias('best');
  expect(models.aliasHistory('best', { limit: 1 })).toEqual({
    items: [{ action: 'set', model: four.id, name: 'times', version: 4, exists: true, time: since }],
    next: expect.any(String),
  });
  expect(models.rollBackAlias('best')).toMatchObject({ model: three.id, version: 3, from: four.id, skipped: [] });
  await models.delete(two.id);
  expect(models.rollBackAlias('best')).toMatchObject({
    model: one.id,
    from: three.id,
    skipped: [{ model: two.id, name: 'times', version: 2 }],
    message: '"best" points at "times" version 1 again; passed over, for they are deleted: "times" version 2',
  });
  expect(() => models.rollBackAlias('best')).toThrow(
    expect.objectContaining({
      code: 'state-conflict',
      message: '"best" cannot be rolled back: it never pointed at another',
    }),
  );
  models.setAlias('best', three.id);
  models.removeAlias('best');
  expect(models.rollBackAlias('best')).toMatchObject({ model: three.id, from: null });
  const history = models.aliasHistory('best', first).items;
  expect(history.map(({ action, version, exists }) => `${action} ${version}${exists ? '' : ' gone'}`)).toEqual([
    'rollback 3',
    'remove 3',
    'set 3',
    'rollback 1',
    'rollback 3',
    'set 4',
    'set 3',
    'set 2 gone',
    'set 1',
  ]);
  models.setAlias('lone', one.id);
  models.setAlias('lone', four.id);
  models.removeAlias('best');
  await models.delete(one.id);
  expect(() => models.rollBackAlias('lone')).toThrow(/those that it pointed at before are deleted: "times" version 1$/);
  expect(models.alias('lone').model).toBe(four.id);
});

test('a request by an alias never fails because the alias moves and models go', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const made: Model[] = [];
  for (let i = 0; i < 5; i++) made.push(await times(services, i + 1));
  const factorOf = new Map(made.map(({ id }, i) => [id, i + 1]));
  const url = await listening(services);
  const send = async (path: string, method: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, ...(body && { headers, body: JSON.stringify(body) }) });
    return { status: response.status, body: response.status === 204 ? null : await bodyOf(response) };
  };
  const point = async (model: Model) => {
    expect((await send('/v1/aliases/live', 'PUT', { model: model.id })).status).toBe(200);
  };
  await point(made[0]!);

  let over = false;
  let allowed = new Set([made[0]!.id]);
  const wrong: unknown[] = [];
  const answered = new Map<string, number>();
  const tensor = { name: 'input', shape: [1, 1], datatype: 'FP32', data: [3] };
  const ask = async (loop: number) => {
    for (let i = 0; !over; i++) {
      const before = allowed;
      const v2 = (loop + i) % 2 === 0;
      const { status, body } = v2
        ? await send('/v2/models/live/infer', 'POST', { inputs: [tensor] })
        : await send('/predict?model=live', 'POST', { instances: [[3]] });
      const model = v2 ? body.parameters?.model : body.model;
      const output = v2 ? body.outputs?.[0].data[0] : body.predictions?.[0].output[0];
      const isRight = output === 3 * factorOf.get(model)! && (before.has(model) || allowed.has(model));
      if (status !== 200 || !isRight) wrong.push({ status, body });
      answered.set(model, (answered.get(model) ?? 0) + 1);
    }
  };
  const loops = [0, 1, 2, 3].map(ask);
  for (let round = 0; round < 4; round++) {
    const [old, next] = [made[round]!, made[round + 1]!];
    allowed = new Set([old.id, next.id]);
    for (let i = 0; i < 50; i++) await point(i % 2 ? next : old);
    await point(next);
    expect((await send(`/v1/models/${old.id}`, 'DELETE')).status).toBe(204);
  }
  over = true;
  await Promise.all(loops);
  expect(wrong).toEqual([]);
  // The loops were not asleep.
  for (const { id } of made) expect(answered.get(id)).toBeGreaterThan(5);
  expect(services.models.aliasHistory('live', { limit: 200 }).items.length).toBeGreaterThan(190);
});

test('a request whose model goes before it is read is answered by the one that the alias means now', async () => {
  const folder = await temporaryFolder();
  const services = await startServices(folder, {}, null);
  const { models, predictions, openInference } = services;
  const [one, two, three] = [await times(services, 1), await times(services, 2), await times(services, 3)];
  models.setAlias('live', one.id);
  // As if the deletion came by between the look-up and the reading.
  await rm(join(folder, 'models', one.id), { recursive: true });
  const answer = predictions.predictInstances('live', [[5]], {});
  models.setAlias('live', two.id);
  await models.delete(one.id);
  expect(await answer).toMatchObject({ model: two.id, predictions: [{ output: [10] }] });

  await rm(join(folder, 'models', two.id), { recursive: true });
  const request = { inputs: [{ name: 'input', shape: [1], datatype: 'FP32', data: [5] }] };
  // A model that is loaded answers, whatever becomes of its file.
  const loaded = openInference.infer('live', undefined, request, new Uint8Array());
  const byId = predictions.predictInstances(two.id, [[5]], {});
  models.setAlias('live', three.id);
  await models.delete(two.id);
  expect((await loaded).response).toMatchObject({ parameters: { model: two.id }, outputs: [{ data: [10] }] });
  expect(await byId).toMatchObject({ model: two.id });
  await expect(predictions.predictInstances(two.id, [[5]], {})).rejects.toMatchObject({ code: 'not-found' });
  expect(await predictions.predictInstances('live', [[5]], {})).toMatchObject({ model: three.id });
});

const dataset = { synthetic: { kind: 'blobs', samples: 300, classes: 3, seed: 1 }, split: { test: 0.2 } };

test('two models are compared', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { jobs, models, datasets } = services;
  const { id: data } = await datasets.create({ name: 'blobs', ...dataset });
  const train = async (name: string, layers: object[], training: object) => {
    const { id } = await jobs.create({ name, dataset: data, network: { layers }, training: { seed: 1, ...training } });
    expect((await reached(services, id)).error).toBeNull();
    return models.get(id);
  };
  const head = { type: 'dense', units: 3 };
  const a = await train('small', [{ type: 'dense', units: 4, activation: 'tanh' }, head], { epochs: 2 });
  const b = await train(
    'large',
    [{ type: 'dense', units: 8, activation: 'tanh' }, { type: 'dropout', rate: 0.2 }, head],
    { epochs: 3, optimizer: { type: 'sgd', learningRate: 0.5 } },
  );
  const found = await models.compare('small', 'large@1');
  expect(found).toMatchObject({ a: { id: a.id, version: 1 }, b: { id: b.id }, sameWeights: false, sameDataset: true });
  expect(found.a.dataset).toEqual({ id: data, name: 'blobs', sha256: datasets.get(data).sha256 });
  const accuracy = found.test!.find(({ name }) => name === 'accuracy')!;
  expect(accuracy).toEqual({
    name: 'accuracy',
    a: a.test!.accuracy,
    b: b.test!.accuracy,
    difference: b.test!.accuracy! - a.test!.accuracy!,
  });
  const files = [await models.export(a.id, 'safetensors'), await models.export(b.id, 'safetensors')];
  for (const { content } of files) content.destroy();
  const bytes = files.map((file) => file.bytes);
  expect(found.sizes).toEqual([
    { name: 'parameters', a: 27, b: 51, difference: 24 },
    expect.objectContaining({ name: 'flopsPerSample' }),
    { name: 'bytes', a: bytes[0], b: bytes[1], difference: bytes[1]! - bytes[0]! },
    { name: 'step', a: a.step, b: b.step, difference: b.step - a.step },
  ]);
  expect(found.layers.map(({ change, a, b }) => [change, a?.name ?? null, b?.name ?? null])).toEqual([
    ['changed', 'dense_0', 'dense_0'],
    ['added', null, 'dropout_1'],
    ['changed', 'dense_1', 'dense_2'],
  ]);
  expect(found.layers[0]!.differences).toEqual([
    { pointer: '/units', a: 4, b: 8 },
    { pointer: '/outputShape', a: [4], b: [8] },
    { pointer: '/parameters', a: 12, b: 24 },
  ]);
  // The same layer, which counts more parameters because more comes in.
  expect(found.layers[2]!.differences).toEqual([{ pointer: '/parameters', a: 15, b: 27 }]);
  const settings = found.training!.map(({ pointer }) => pointer);
  expect(settings).toEqual(expect.arrayContaining(['/epochs', '/optimizer/learningRate']));
  expect(settings).not.toContain('/seed');

  const itself = await models.compare(a.id, 'small');
  expect(itself).toMatchObject({ sameWeights: true, sameDataset: true, training: [] });
  expect(itself.layers.map(({ change }) => change)).toEqual(['same', 'same']);

  // Another dataset: its test split says nothing of the other's.
  const other = await times(services, 2);
  expect(await models.compare(a.id, other.id)).toMatchObject({ sameDataset: null, test: null });
  await datasets.delete(data);
  const after = await models.compare(a.id, b.id);
  expect(after).toMatchObject({ sameDataset: true, a: { dataset: null } });
  expect(after.test).toEqual(found.test);
  await expect(models.compare(a.id, 'absent')).rejects.toMatchObject({ code: 'not-found' });
});

test('a card tells all that is known, with names that are shown as they are', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { jobs, models, datasets } = services;
  const { id: data } = await datasets.create({
    name: '<img src=x onerror=alert(1)> | **b**',
    inputs: Array.from({ length: 40 }, (_, i) => [i % 2, i]),
    targets: Array.from({ length: 40 }, (_, i) => (i % 2 ? 'a|b' : '[x](javascript:1)')),
    split: { test: 0.25, seed: 1 },
  });
  const { id } = await jobs.create({
    name: '# evil | row | `code`',
    dataset: data,
    network: { layers: [{ type: 'dense', units: 2, name: 'last' }] },
    training: { epochs: 2, seed: 7 },
  });
  expect((await reached(services, id)).error).toBeNull();
  models.describe(id, {
    notes: 'Reads <b>two</b> things.\n# no heading\n- no list\n1. none either\n\nSee https://example.org/x_y_z',
    tags: ['a_b', 'c|d'],
  });
  const card = models.card(id);
  const model = models.get(id);
  const expected = [
    '# \\# evil \\| row \\| \\`code\\`, version 1',
    `| SHA-256 of the weights | ${model.weightsHash} |`,
    `| Instruction set | ${model.isa} |`,
    `| Kernel version | ${jobs.get(id).kernelVersion} |`,
    '| Tags | a\\_b, c\\|d |',
    '| Dataset | &lt;img src=x onerror=alert(1)&gt; \\| \\*\\*b\\*\\* |',
    `| SHA-256 | ${datasets.get(data).sha256} |`,
    '| Samples | train 30, validation 0, test 10 |',
    '| 0 | last | dense |',
    '| seed | 7 |',
    '| optimizer.learningRate |',
    `![Curves of the training](/v1/jobs/${id}/curves.svg)`,
    `| accuracy | ${short(model.metrics.accuracy!)} | ${short(model.test!.accuracy!)} |`,
    '### Classes, over the 10 samples of the split test',
    '| a\\|b |',
    '| \\[x\\](javascript:1) |',
    `curl http://127.0.0.1:8080/v1/models/${id}/predict -H 'content-type: application/json' -d '{"instances": [[0, 0]]}'`,
    'Reads &lt;b&gt;two&lt;/b&gt; things.  \n\\# no heading  \n\\- no list  \n1\\. none either\n\nSee https\\://example.org/x\\_y\\_z',
  ];
  for (const text of expected) expect(card).toContain(text);
  // Nothing of what people named became markup.
  expect(card).not.toContain('<');
  expect(card.match(/^#{1,3} .*$/gm)!.length).toBe(8);

  await datasets.delete(data);
  expect(models.card(id)).toContain('The dataset is deleted.');
  const bare = models.card((await times(services, 2)).id);
  expect(bare).toContain('The model was made without a dataset.');
  expect(bare).toContain('Nobody has written it down');
  expect(bare).not.toContain('curves.svg');
});

const short = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(4));

test('text is escaped for Markdown with tables and links', () => {
  expect(escapeMarkdown('plain name-1 (v2)')).toBe('plain name-1 (v2)');
  expect(escapeMarkdown(' a\r\n\tb\u2028c ')).toBe('a b c');
  expect(escapeMarkdown('\\ ` * _ [ ] | ~ # $ ^ @')).toBe('\\\\ \\` \\* \\_ \\[ \\] \\| \\~ \\# \\$ \\^ \\@');
  expect(escapeMarkdown('<a href="x">&amp;</a>')).toBe('&lt;a href="x"&gt;&amp;amp;&lt;/a&gt;');
  expect(escapeMarkdown('http://a.b www.c.d a@b.c')).toBe('http\\://a.b www\\.c.d a\\@b.c');
});
