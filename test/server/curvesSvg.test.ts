import { describe, expect, test } from 'vitest';
import { curvesSvg } from '../../src/server/curvesSvg.ts';

const row = (epoch: number, values: Record<string, number>) => ({
  seq: epoch,
  time: 't',
  epoch,
  step: epoch,
  ...values,
});

describe('curvesSvg', () => {
  test('draws a line for each of train and validation, with round ticks', () => {
    const rows = [1, 2, 3, 4, 5].map((e) =>
      row(e, { loss: 1 / e, validationLoss: 1.2 / e, accuracy: 0.9 + e / 100, validationAccuracy: 0.88 + e / 100 }),
    );
    const svg = curvesSvg('digits', rows);
    expect(svg.match(/<polyline class="(train|validation)"/g)).toHaveLength(4);
    for (const tick of ['0.2', '0.4', '1', '2', '5', '0.92']) expect(svg).toContain(`>${tick}</text>`);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('one epoch is a dot, equal values are a level line, huge and tiny values fit', () => {
    expect(curvesSvg('a', [row(1, { loss: 0.5 })])).toContain('<circle');
    for (const values of [
      [1, 1, 1],
      [0, 0],
      [1e30, 2e30],
      [1e-30, 2e-30],
      [-1, 1],
    ]) {
      const svg = curvesSvg(
        'a',
        values.map((loss, i) => row(i + 1, { loss })),
      );
      expect(svg).toContain('<polyline');
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      expect(svg.match(/<text/g)!.length).toBeLessThan(40);
    }
  });

  test('a job without accuracy says so', () => {
    expect(curvesSvg('a', [row(1, { loss: 1 }), row(2, { loss: 0 })])).toContain('no accuracy in this job');
  });

  test('a name is text, whatever it holds', () => {
    const svg = curvesSvg(`</title><script>&\u0000\ud800${'x'.repeat(200)}`, []);
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('&lt;script&gt;&amp;\ufffd\ufffd');
  });
});
