// What Triton's Python client sends, byte for byte (scripts/fixtures/triton.py), to the real service on a port of its own; the
// answers are read as that client reads them.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { listening } from './helpers/listening.ts';
import { reached, startServices, temporaryFolder } from './helpers/service.ts';

const recorded: Record<string, string> = JSON.parse(readFileSync('test/fixtures/openInference/triton.json', 'utf8'));

async function start(): Promise<string> {
  const services = await startServices(await temporaryFolder(), {}, null);
  const weight = [
    [1, 0],
    [0, 1],
    [1, 0],
    [0, 1],
  ];
  const pixels = (left: number, right: number) => [
    [[left], [right]],
    [[left], [right]],
  ];
  const job = await services.jobs.create({
    name: 'sides',
    dataset: { inputs: [pixels(9, 0), pixels(0, 9)], targets: ['left', 'right'] },
    network: { layers: [{ type: 'flatten' }, { type: 'dense', units: 2, weights: { weight, bias: [0, 0] } }] },
    training: { epochs: 0 },
  });
  expect((await reached(services, job.id)).error).toBeNull();
  return listening(services);
}

interface Tensor {
  name: string;
  datatype: string;
  shape: number[];
  data?: unknown[];
  parameters?: { binary_data_size?: number };
}

/** Several requests on one connection that stays open. */
function talker(port: number) {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const closed = new Promise<never>((_resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
  closed.catch(() => {});
  return async (name: string) => {
    const request = Buffer.from(recorded[name]!, 'base64');
    let received = Buffer.alloc(0);
    const answer = new Promise<{ status: number; headers: Map<string, string>; body: Buffer }>((resolve) => {
      const take = (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) return;
        const [status, ...lines] = received.subarray(0, end).toString().split('\r\n');
        const headers = new Map(
          lines.map((line) => [line.split(': ')[0]!.toLowerCase(), line.slice(line.indexOf(': ') + 2)]),
        );
        const body = received.subarray(end + 4);
        if (body.length < Number(headers.get('content-length'))) return;
        socket.off('data', take);
        resolve({ status: Number(status!.split(' ')[1]), headers, body });
      };
      socket.on('data', take);
    });
    socket.write(request);
    return Promise.race([answer, closed]);
  };
}

/** As the client's InferResult does it: values by the names of the outputs. */
function read({ headers, body }: { headers: Map<string, string>; body: Buffer }) {
  const length = headers.get('inference-header-content-length');
  const result = JSON.parse(body.subarray(0, length === undefined ? body.length : Number(length)).toString());
  let at = Number(length);
  const values: Record<string, unknown> = {};
  for (const { name, datatype, data, parameters } of result.outputs as Tensor[]) {
    const size = parameters?.binary_data_size;
    if (size === undefined) {
      values[name] = data;
      continue;
    }
    const bytes = body.subarray(at, at + size);
    at += size;
    if (datatype === 'FP32') {
      values[name] = Array.from({ length: size / 4 }, (_, i) => bytes.readFloatLE(4 * i));
      continue;
    }
    const texts: string[] = [];
    for (let i = 0; i < size; i += 4 + bytes.readUInt32LE(i)) {
      texts.push(bytes.subarray(i + 4, i + 4 + bytes.readUInt32LE(i)).toString());
    }
    values[name] = texts;
  }
  if (length !== undefined) expect(at).toBe(body.length);
  return { result, values };
}

test("Triton's client gets what it asks for", async () => {
  const send = talker(Number(new URL(await start()).port));
  for (const name of ['is_server_live', 'is_server_ready', 'is_model_ready']) {
    expect((await send(name)).status, name).toBe(200);
  }
  expect(JSON.parse((await send('get_server_metadata')).body.toString())).toEqual({
    name: 'hebb',
    version: '0.1.0',
    extensions: ['binary_tensor_data', 'classification'],
  });
  expect(JSON.parse((await send('get_model_metadata')).body.toString())).toMatchObject({
    name: 'sides',
    versions: ['1'],
    inputs: [{ name: 'input', shape: [-1, 2, 2, 1] }],
  });
  expect(JSON.parse((await send('get_model_repository_index')).body.toString())).toEqual([
    { name: 'sides', version: '1', state: 'READY', reason: '' },
  ]);

  const all = await send('infer_all');
  expect(all.headers.get('content-type')).toBe('application/octet-stream');
  const { result, values } = read(all);
  expect(result).toMatchObject({ id: '7', model_name: 'sides', model_version: '1' });
  expect(result.outputs.map(({ shape }: Tensor) => shape)).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect(values.output).toEqual([3, 0.5, 0, 4]);
  const p = 1 / (1 + Math.exp(-2.5));
  expect((values.probabilities as number[]).slice(0, 2)).toEqual([expect.closeTo(p, 6), expect.closeTo(1 - p, 6)]);

  const classes = read(await send('infer_classes'));
  expect(classes.values).toEqual({ probabilities: ['1.000000:0:left', '0.000000:1:right'], output: [18, 0] });
  expect(classes.result.outputs[0]).toMatchObject({ datatype: 'BYTES', shape: [1, 2] });

  const json = await send('infer_json');
  expect(json.headers.get('content-type')).toMatch(/^application\/json/);
  expect(json.headers.has('inference-header-content-length')).toBe(false);
  expect(read(json).values).toEqual({ output: [3, 0.5, 0, 4] });

  const absent = await send('infer_absent');
  expect(absent.status).toBe(404);
  expect(JSON.parse(absent.body.toString())).toEqual({ error: expect.stringContaining('"absent"') });
  // The connection is still good.
  expect(read(await send('infer_json')).values).toEqual({ output: [3, 0.5, 0, 4] });
});

test('damaged requests are the client’s fault, and harm nobody', async () => {
  const url = await start();
  // xorshift32: the same damage every time.
  let state = 7;
  const random = (below: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const bodies = ['infer_all', 'infer_classes', 'infer_json'].map((name) => {
    const whole = Buffer.from(recorded[name]!, 'base64');
    const end = whole.indexOf('\r\n\r\n');
    const [, length] = /inference-header-content-length: (\d+)/.exec(whole.subarray(0, end).toString()) ?? [];
    return { body: whole.subarray(end + 4), length: length === undefined ? undefined : Number(length) };
  });
  const pieces = [
    '-1',
    '1e999',
    '[]',
    '{}',
    'null',
    '"',
    '9007199254740993',
    'input',
    'BYTES',
    '__proto__',
    '\u0000',
    ',',
  ];
  const statuses = new Map<number, number>();
  for (let i = 0; i < 500; i++) {
    const { body, length } = bodies[i % 3]!;
    const damaged = Buffer.from(body);
    let sent = damaged;
    const at = random(damaged.length);
    const kind = random(4);
    if (kind === 0) damaged[at] = random(256);
    else if (kind === 1) sent = damaged.subarray(0, at);
    else if (kind === 2)
      sent = Buffer.concat([
        damaged.subarray(0, at),
        Buffer.from(pieces[random(pieces.length)]!),
        damaged.subarray(at),
      ]);
    const headers: Record<string, string> = {};
    const told = kind === 3 ? random(body.length + 20) : length;
    if (told !== undefined) headers['inference-header-content-length'] = String(told);
    const response = await fetch(`${url}/v2/models/sides/infer`, {
      method: 'POST',
      body: new Uint8Array(sent),
      headers,
    });
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    if (response.status === 200) await response.arrayBuffer();
    else expect(Object.keys((await response.json()) as object)).toEqual(['error']);
  }
  expect([...statuses.keys()].filter((status) => ![200, 400, 422].includes(status))).toEqual([]);
  expect(statuses.get(400)).toBeGreaterThan(200);
});
