import type { LayerDefinition } from '../layer.ts';
import { activation } from './activation.ts';
import { batchNorm } from './batchNorm.ts';
import { conv1d } from './conv1d.ts';
import { conv2d } from './conv2d.ts';
import { conv2dTranspose } from './conv2dTranspose.ts';
import { cropping2d } from './cropping2d.ts';
import { dense } from './dense.ts';
import { depthwiseConv2d } from './depthwiseConv2d.ts';
import { dropout } from './dropout.ts';
import { embedding } from './embedding.ts';
import { flatten } from './flatten.ts';
import { gaussianNoise } from './gaussianNoise.ts';
import { layerNorm } from './layerNorm.ts';
import { add, concatenate, multiply } from './merging.ts';
import * as pooling from './pooling.ts';
import { prelu } from './prelu.ts';
import { rescaling } from './rescaling.ts';
import { reshape } from './reshape.ts';
import { separableConv2d } from './separableConv2d.ts';
import { spatialDropout } from './spatialDropout.ts';
import { upSampling2d } from './upSampling2d.ts';
import { zeroPadding2d } from './zeroPadding2d.ts';

/** Every layer there is. Validation, the OpenAPI document, types, the catalogue and the generic layer test come from this list. */
const definitions = [
  dense,
  conv1d,
  conv2d,
  depthwiseConv2d,
  separableConv2d,
  conv2dTranspose,
  pooling.maxPool1d,
  pooling.maxPool2d,
  pooling.averagePool1d,
  pooling.averagePool2d,
  pooling.globalMaxPool2d,
  pooling.globalAveragePool2d,
  upSampling2d,
  zeroPadding2d,
  cropping2d,
  flatten,
  reshape,
  batchNorm,
  layerNorm,
  dropout,
  spatialDropout,
  gaussianNoise,
  activation,
  prelu,
  add,
  multiply,
  concatenate,
  embedding,
  rescaling,
];

// A definition's methods take its own configuration, which the schema has checked by the time that they are called.
export const layers: ReadonlyMap<string, LayerDefinition> = new Map(
  definitions.map((definition) => [definition.type, definition as unknown as LayerDefinition]),
);
