import { expect, test } from 'vitest';
import type { ValuesReport } from '../../src/data/report/types.ts';
import { histogramSvg } from '../../src/server/histogramSvg.ts';

const values = (name: string, counts: number[]): ValuesReport => ({
  name,
  min: 0,
  max: 4,
  mean: 2,
  standardDeviation: 1,
  distinct: 4,
  histogram: { from: 0, to: 4, counts },
});

test('bars are as high as their counts, and empty ones are left out', () => {
  const svg = histogramSvg({ dataset: 'iris', kind: 'feature', items: [values('petal length', [10, 0, 5, 20])] });
  const bars = [
    .../d="((?:M[\d.]+ 300V[\d.]+H[\d.]+V300Z)+)"/.exec(svg)![1]!.matchAll(/M([\d.]+) 300V([\d.]+)H([\d.]+)V300Z/g),
  ];
  const heights = bars.map(([, , top]) => 300 - Number(top));
  expect(heights.map((height) => height / heights[2]!)).toEqual([0.5, 0.25, 1]);
  const lefts = bars.map(([, left]) => Number(left));
  // The third bar begins two bars right of the first.
  expect((lefts[1]! - lefts[0]!) / (lefts[2]! - lefts[1]!)).toBeCloseTo(2, 1);
  expect(svg).toContain('from 0 to 4 · mean 2 · deviation 1 · 4 different');
});

test('channels lie over each other; names are safe', () => {
  const items = ['red', 'green', 'blue'].map((name) => values(name, [1, 2, 3]));
  const svg = histogramSvg({ dataset: '<script>alert(1)</script>', kind: 'channel', items });
  expect(svg.match(/class="(red|green|blue) several" d=/g)).toHaveLength(3);
  expect(svg).not.toContain('<script>');
  expect(histogramSvg({ dataset: 'a', kind: 'feature', items: [values('"<b>&', [0])] })).toContain(
    '&quot;&lt;b&gt;&amp;',
  );
});
