import { fromBinary } from '@bufbuild/protobuf';
import { type GraphProto, type ModelProto, ModelProtoSchema } from 'onnx-buf';
import { HebbError } from '../../../errors.ts';

/** Far more than a network of a thousand layers needs. */
const mostNodes = 50_000;

export interface OnnxFile {
  model: ModelProto;
  graph: GraphProto;
  /** Of the default domain. */
  opset: number;
  metadata: Map<string, string>;
}

/** @throws HebbError('invalid-file') where the bytes are no ONNX model */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  const wrong = (what: string, cause?: unknown) =>
    new HebbError('invalid-file', `not an ONNX file: ${what}`, undefined, { cause });
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    // What a damaged message leads the decoder to: a wrong tag, an end too early, a nesting without an end.
    throw wrong(`it cannot be read as a message of protobuf (${(error as Error).message})`, error);
  }
  const { graph } = model;
  if (!graph) throw wrong('it holds no graph');
  if (graph.node.length > mostNodes) throw wrong(`it has ${graph.node.length} nodes, at most ${mostNodes} are read`);
  if (model.functions.length > 0) throw wrong('it has functions of its own: export it with all of them inlined');
  if (graph.sparseInitializer.length > 0) throw wrong('it has sparse initializers: make them dense');
  const version = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version;
  if (version === undefined) throw wrong('it does not say which version of the operators it uses');
  if (version < 7n || version > 1000n) throw wrong(`its operators are of version ${version}, 7 and later are read`);
  const metadata = new Map(model.metadataProps.map(({ key, value }) => [key, value]));
  return { model, graph, opset: Number(version), metadata };
}
