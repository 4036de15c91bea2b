/**
 * @module The cost of a file that only the engine runs: what its tensors hold, and the measured time. FLOPs are known of ops that Descent has.
 */
import type { Dim, StringData, TensorData } from "../graph/index.js";
import { fromNumbers, sizeOf, symbolName } from "../graph/index.js";
import type { OnnxModel } from "../onnx/index.js";
import type { DeviceChoice } from "../runtime/index.js";
import { compile } from "../runtime/index.js";
import { median } from "../util/median.js";
import { formatInteger } from "../util/text.js";

const WARMUP_RUNS = 5;

export interface OpaqueCost {
  /** Numbers in tensors that are weights. */
  readonly parameters: number;
  readonly parameterBytes: number;
  readonly device: string;
  readonly milliseconds: number;
  /** Energy of a run, where the machine's power is given. */
  readonly joules?: number;
}

/** The cost as rows of a table. */
export const opaqueRows = (
  { parameters, parameterBytes, device, milliseconds, joules }: OpaqueCost,
  runs: number,
): string[][] => [
  ["parameters in tensors", formatInteger(parameters)],
  ["memory: parameters", `${(parameterBytes / 2 ** 20).toFixed(2)} MiB`],
  [`time on ${device}, median of ${runs}`, `${milliseconds.toFixed(3)} ms`],
  ...(joules === undefined ? [] : [["energy", `${joules.toPrecision(3)} J`]]),
];

/** Inputs of zeros, and of empty texts. */
function feedsOf(model: OnnxModel, lengths: ReadonlyMap<string, number>, batch: number): Record<string, TensorData | StringData> {
  const length = (d: Dim): number => (typeof d === "number" ? d : (lengths.get(symbolName(d) ?? "") ?? batch));
  return Object.fromEntries(
    [...model.declaredInputs].map(([name, { dtype, shape = [] }]) => {
      const dims = shape.map(length);
      const size = sizeOf(dims);
      return dtype === "string"
        ? [name, { dtype, shape: dims, data: new Array<string>(size).fill("") }]
        : [name, fromNumbers(dtype ?? "float32", dims, new Float64Array(size))];
    }),
  );
}

/** Measures a file on the engine alone, for these lengths of its free dimensions. */
export async function opaqueCost(
  model: OnnxModel,
  lengths: ReadonlyMap<string, number>,
  options: {
    readonly batch: number;
    readonly runs: number;
    readonly device: DeviceChoice;
    readonly threads?: number | undefined;
    readonly watts?: number | undefined;
  },
): Promise<OpaqueCost> {
  const { batch, runs, device, threads, watts } = options;
  const weights = model.stored.filter(({ role }) => role === "parameter");
  const feeds = feedsOf(model, lengths, batch);
  await using executable = await compile(model, { device, threads });
  const times: number[] = [];
  for (let i = 0; i < WARMUP_RUNS + runs; i++) {
    const start = performance.now();
    await executable.callWithTexts(feeds);
    if (i >= WARMUP_RUNS) times.push(performance.now() - start);
  }
  const milliseconds = median(times);
  return {
    parameters: weights.reduce((sum, { tensor }) => sum + sizeOf(tensor.dims), 0),
    parameterBytes: weights.reduce((sum, { tensor }) => sum + tensor.rawData.byteLength, 0),
    device: executable.device,
    milliseconds,
    joules: watts && (watts * milliseconds) / 1000,
  };
}
