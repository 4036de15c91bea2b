/**
 * @module Quantization-aware training of a run: the rounding stands in its graph while it is trained on its data.
 */
import { activationShapes } from "../../compress/activations.js";
import { FileGraph } from "../../compress/file-graph.js";
import { awareFile, STEP_GROUP, stepGradients, trainedStatic } from "../../compress/quantize/aware.js";
import { calibrate } from "../../compress/quantize/calibration.js";
import type { QuantizeData, QuantizeOptions } from "../../compress/quantize/options.js";
import { onlyUse } from "../../compress/quantize/options.js";
import { largestCode } from "../../compress/quantize/saturation.js";
import { staticLayers, staticPlan } from "../../compress/quantize/static.js";
import type { StaticPlan } from "../../compress/quantize/static.js";
import { sizeOf } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel } from "../../onnx/index.js";
import { FileModel } from "../use/file-model-node.js";
import { SmallerModel } from "./smaller-model.js";
import type { CompressionData, CompressionSource } from "./source-node.js";
import type { SmallTraining } from "./options.js";
import type { TrainingControl } from "./train-smaller-node.js";
import { trainingContextOf, trainSmaller } from "./train-smaller-node.js";

/** The data and the training of `trainAware`. */
export interface AwareTraining {
  readonly source: CompressionSource;
  readonly data: CompressionData;
  readonly training: SmallTraining;
  readonly control: TrainingControl;
}

/** The share of the run's learning rate with which rounded weights are trained, unless another is given. */
const RATE = 0.1;

/**
 * Trains a folded file with the layers of these names rounded, and returns the static int8 file of the learned weights and steps.
 *
 * Errors: those of `trainSmaller`.
 */
export async function trainAware(
  plain: ModelProto,
  names: ReadonlySet<string>,
  given: QuantizeData,
  options: QuantizeOptions,
  { source, data, training, control }: AwareTraining,
): Promise<ModelProto> {
  const planOf = (graph: FileGraph): StaticPlan =>
    staticPlan(
      graph,
      staticLayers(graph).filter(({ name }) => names.has(name)),
    );
  const plan = planOf(new FileGraph(plain));
  const use = onlyUse(options);
  const ranges = await calibrate(plain, plan.activations, given.calibration, options.calibration ?? "min-max", use);
  const shapes = await activationShapes(plain, plan.activations, given.one, use);
  const most = options.largestCode ?? (await largestCode(use));
  const made = awareFile(plain, plan, ranges, new Map([...shapes].map(([name, shape]) => [name, sizeOf(shape)])), most);
  const { model, path, config } = source;
  const file = { bytes: encodeModel(made.file), where: path, parameters: { include: made.trained } };
  await using opened = new FileModel(model.task, model.modelName, model.info, file);
  const { task, modelName, info, weights } = opened;
  const context = trainingContextOf(task, info, config, data.calibration);
  const smaller = new SmallerModel({ task, modelName, info, weights, model: opened.model }, [], context);
  const { lr } = config.options;
  const usual: SmallTraining = typeof lr === "number" ? { lr: lr * RATE } : {};
  const trained = await trainSmaller(smaller, config, data.calibration, { ...usual, ...training }, control, {
    before: [stepGradients(made.gradientScales)],
    groups: [STEP_GROUP],
  });
  const numbersOf = (name: string): Float32Array | undefined => trained.weights.get(name)?.data as Float32Array | undefined;
  return trainedStatic(plain, planOf, ranges, numbersOf, most);
}
