/** True where an Accept header wants a media type more than JSON. */
export function prefers(accept: string | undefined, type: string): boolean {
  return quality(accept, type) > quality(accept, 'application/json');
}

/** The weight that an Accept header gives a media type (RFC 9110, section 12.5.1): the most specific range decides. */
function quality(accept = '*/*', type: string): number {
  const ranges = accept.split(',').map((item) => {
    const [range = '', ...parameters] = item
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/);
    const weight = parameters.find((p) => p.startsWith('q='));
    return { range, weight: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
  });
  const specific = [type, `${type.split('/')[0]}/*`, '*/*'];
  for (const wanted of specific) {
    const match = ranges.find(({ range }) => range === wanted);
    if (match) return match.weight;
  }
  return 0;
}
