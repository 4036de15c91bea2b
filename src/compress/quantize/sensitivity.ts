/**
 * @module The sensitivity of a model to each of its layers' quantization, and mixed precision: the most sensitive layers stay in float32 until the model is
 * as good as it has to be.
 */
import type { TensorData } from "../../graph/index.js";
import { DTYPES, toNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import type { Feeds } from "../activations.js";
import { eachActivation } from "../activations.js";
import { deviation } from "../certificate.js";
import type { QuantizeData, QuantizeOptions } from "./options.js";
import { onlyUse } from "./options.js";
import type { QuantizePlan } from "./quantize.js";
import { chosenLayers, quantizeLayers } from "./quantize.js";

/** The numbers among a file's outputs for one batch. */
async function outputsOf(file: ModelProto, batch: Feeds, options: CompileOptions): Promise<Float64Array> {
  const parts: Float64Array[] = [];
  const keep = (values: ReadonlyMap<string, TensorData>): void => {
    for (const tensor of values.values())
      if (DTYPES[tensor.dtype].kind === "float") parts.push(Float64Array.from(toNumbers(tensor)));
  };
  const names = file.graph.outputs.map(({ name }) => name);
  await eachActivation(file, names, [batch], keep, options);
  return Float64Array.from(parts.flatMap((part) => [...part]));
}

/** Returns how far the outputs are from the original's (relative error) where one layer alone is quantized, the most sensitive first. */
export async function sensitivities(
  plan: QuantizePlan,
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<Map<string, number>> {
  const batch = data.calibration[0] ?? data.one;
  const use = onlyUse(options);
  const expected = await outputsOf(plan.source, batch, use);
  const found: [string, number][] = [];
  const names = chosenLayers(plan);
  for (const [i, name] of names.entries()) {
    options.onLayer?.(i, names.length);
    const file = await quantizeLayers(plan, new Set([name]), data, options);
    found.push([name, deviation(expected, await outputsOf(file, batch, use)).relativeError]);
  }
  return new Map(found.sort(([, a], [, b]) => b - a));
}

/** A model whose most sensitive layers stayed as they were. */
export interface Mixed {
  readonly model: ModelProto;
  /** Names of the layers that stayed in float32. */
  readonly kept: ReadonlySet<string>;
}

/**
 * Keeps as few of the most sensitive layers in float32 as are needed for a model to be accepted, by halving: a model with more of them kept is taken to
 * be at least as good.
 */
export async function mixedPrecision(
  plan: QuantizePlan,
  order: readonly string[],
  accepts: (model: ModelProto) => Promise<boolean>,
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<Mixed> {
  const keeping = async (count: number): Promise<Mixed> => {
    const kept = new Set(order.slice(0, count));
    const model = await quantizeLayers(plan, new Set(order.filter((name) => !kept.has(name))), data, options);
    return { model, kept };
  };
  let [least, most] = [0, order.length];
  let best: Mixed = { model: plan.source, kept: new Set(order) };
  while (least < most) {
    const count = Math.floor((least + most) / 2);
    const tried = await keeping(count);
    if (await accepts(tried.model)) [best, most] = [tried, count];
    else least = count + 1;
  }
  return best;
}
