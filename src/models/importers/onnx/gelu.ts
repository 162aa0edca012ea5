// gelu as it was written before there was an operator of that name: x · (erf(x / √2) + 1) · ½.
import { create } from '@bufbuild/protobuf';
import { type NodeProto, NodeProtoSchema } from 'onnx-buf';
import { readTensor } from './tensors.ts';

/**
 * Puts an operator Gelu in the place of the products and sums that make one.
 * @param numbers the constants of a single number, by name
 * @returns the nodes in their order, each with its place in the file
 */
export function withGelu(nodes: [number, NodeProto][], numbers: Map<string, number>): [number, NodeProto][] {
  const makers = new Map(nodes.map((entry) => [entry[1].output[0]!, entry[1]]));
  const takers = new Map<string, NodeProto[]>();
  for (const [, node] of nodes) {
    for (const name of new Set(node.input)) {
      const list = takers.get(name);
      if (list) list.push(node);
      else takers.set(name, [node]);
    }
  }
  const takersOf = (name: string) => takers.get(name) ?? [];
  const replaced = new Map<NodeProto, NodeProto>();
  for (const [, erf] of nodes) {
    if (erf.opType !== 'Erf') continue;
    const source = makers.get(erf.input[0] ?? '');
    const x = source && scaled(source, numbers);
    if (x === undefined) continue;
    const [sum, ...others] = takersOf(erf.output[0]!);
    if (!sum || others.length > 0 || sum.opType !== 'Add' || otherNumber(sum, erf.output[0]!, numbers) !== 1) continue;
    const last = product(sum.output[0]!, x, takersOf, numbers);
    if (last)
      replaced.set(
        last,
        create(NodeProtoSchema, { opType: 'Gelu', name: erf.name, input: [x], output: [...last.output] }),
      );
  }
  return nodes.map(([index, node]) => [index, replaced.get(node) ?? node]);
}

const near = (value: number | undefined, wanted: number) => value !== undefined && Math.abs(value - wanted) < 1e-4;

/** The number that a node of two inputs takes beside a value. */
function otherNumber(node: NodeProto, value: string, numbers: Map<string, number>): number | undefined {
  if (node.input.length !== 2 || !node.input.includes(value)) return undefined;
  return numbers.get(node.input[node.input[0] === value ? 1 : 0]!);
}

/** The x of x / √2. */
function scaled(node: NodeProto, numbers: Map<string, number>): string | undefined {
  const [a, b] = node.input;
  if (node.opType === 'Div' && near(numbers.get(b ?? ''), Math.SQRT2)) return a;
  if (node.opType !== 'Mul') return undefined;
  if (near(numbers.get(b ?? ''), Math.SQRT1_2)) return a;
  return near(numbers.get(a ?? ''), Math.SQRT1_2) ? b : undefined;
}

/** The node that gives value · x · ½, in whatever order it is multiplied. */
function product(
  value: string,
  x: string,
  takersOf: (name: string) => NodeProto[],
  numbers: Map<string, number>,
): NodeProto | null {
  let [hasX, hasHalf] = [false, false];
  let at = value;
  for (;;) {
    const [next, ...others] = takersOf(at);
    if (!next || others.length > 0 || next.opType !== 'Mul') return null;
    const other = next.input[next.input[0] === at ? 1 : 0]!;
    if (other === x && !hasX) hasX = true;
    else if (numbers.get(other) === 0.5 && !hasHalf) hasHalf = true;
    else {
      // x · ½ may have been taken together before.
      const [maker] =
        other === at ? [] : takersOf(x).filter((node) => node.output[0] === other && node.opType === 'Mul');
      if (!maker || otherNumber(maker, x, numbers) !== 0.5 || hasX || hasHalf) return null;
      [hasX, hasHalf] = [true, true];
    }
    if (hasX && hasHalf) return next;
    at = next.output[0]!;
  }
}

/** Constants of one number among nodes. */
export function numbersOf(nodes: NodeProto[], numbers: Map<string, number>): Map<string, number> {
  for (const { opType, attribute, output } of nodes) {
    const tensor = opType === 'Constant' ? attribute.find(({ name }) => name === 'value')?.t : undefined;
    const isOne = tensor?.dims.every((size) => size === 1n);
    if (tensor && isOne) numbers.set(output[0]!, readTensor(tensor, `the constant "${output[0]}"`).values[0]!);
  }
  return numbers;
}
