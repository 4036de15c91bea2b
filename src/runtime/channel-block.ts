/**
 * @module The number of channels in a block of the engine's CPU kernels: a property of the processor's vectors that the engine
 * does not report, so it is inferred from the result of a reordering.
 */
import { fromNumbers, Graph, input } from "../graph/index.js";
import { exportGraph } from "../onnx/index.js";
import { toBlocks } from "../ops/index.js";
import { SessionError } from "../util/errors.js";
import type { Runtime, Value } from "./runtime.js";

/** The sizes that there are, for vectors of 256 and 512 bits. */
const SIZES = [16, 8] as const;
const CHANNELS = 16;

const known = new WeakMap<Runtime, Promise<number>>();

/** Channels in a block on this engine's CPU; 1 where it has no such kernels. Asked once for each engine. */
export function channelBlock(runtime: Runtime): Promise<number> {
  let block = known.get(runtime);
  if (block === undefined) known.set(runtime, (block = probe(runtime)));
  return block;
}

async function probe(runtime: Runtime): Promise<number> {
  const model = exportGraph(new Graph({ y: toBlocks(input("x", [1, CHANNELS, 1, 2])) }));
  try {
    await using session = await runtime.createSession(model, { device: "cpu", threads: 1 });
    const numbers = Array.from({ length: 2 * CHANNELS }, (_, i) => i);
    using x = runtime.upload(fromNumbers("float32", [1, CHANNELS, 1, 2], numbers));
    const { y } = await session.run({ x });
    const read = Array.from((await runtime.read(y as Value)).data, Number);
    return SIZES.find((size) => read.every((v, i) => v === numberAt(i, size))) ?? 1;
  } catch (error) {
    // An engine without these kernels refuses the file: then there are no blocks.
    if (error instanceof SessionError) return 1;
    throw error;
  }
}

/** The element at `place` of the blocked form [C/size, 2, size] of a [1, C, 1, 2] tensor filled with 0, 1, 2, …. */
function numberAt(place: number, size: number): number {
  const [outer, pixel, inner] = [Math.floor(place / (2 * size)), Math.floor(place / size) % 2, place % size];
  return 2 * (outer * size + inner) + pixel;
}
