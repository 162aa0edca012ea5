import { create, fromBinary, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { TensorProto_DataType as DataType, type ModelProto, ModelProtoSchema } from 'onnx-buf';

/** The file with something changed in it. */
export function changedOnnx(
  file: Uint8Array,
  change: (model: ModelProto & { graph: NonNullable<ModelProto['graph']> }) => void,
): Uint8Array {
  const model = fromBinary(ModelProtoSchema, file);
  change(model as ModelProto & { graph: NonNullable<ModelProto['graph']> });
  return toBinary(ModelProtoSchema, model);
}

type Graph = Exclude<NonNullable<MessageInitShape<typeof ModelProtoSchema>['graph']>, Message>;

/** A tensor's type in a graph, the rows open. */
export const tensorValue = (name: string, shape: number[]) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: DataType.FLOAT,
        shape: {
          dim: [
            { value: { case: 'dimParam' as const, value: 'n' } },
            ...shape.map((size) => ({ value: { case: 'dimValue' as const, value: BigInt(size) } })),
          ],
        },
      },
    },
  },
});

/** A small file: `input` of a shape, these nodes and initializers, `output`. */
export function onnxFile(shape: number[], graph: Partial<Graph>, opset = 17): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: BigInt(opset) }],
    graph: { input: [tensorValue('input', shape)], output: [{ name: 'output' }], ...graph },
  });
  return toBinary(ModelProtoSchema, model);
}
