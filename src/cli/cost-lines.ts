/** @module Further parts of what `descent cost` shows, besides its table: layers as a picture, memory by batch size, the roofline. */
import { icicleChart, icicleOf } from "../charts/index.js";
import type { GraphCost, LayerCost, Machine } from "../cost/index.js";
import { formatCount, formatTable } from "../util/text.js";

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

const BOUNDS = ["compute", "memory", "overhead"] as const;
const KINDS = [
  { en: "bound by computing", zh: "受计算限制" },
  { en: "bound by memory", zh: "受内存带宽限制" },
  { en: "bound by overhead", zh: "受开销限制" },
];

/** An icicle of the layers: as wide as their predicted time in a step, or their FLOPs where no machine is known. */
export function layerPicture(title: string, layers: readonly LayerCost[]): string {
  const isTimed = layers.some(({ time }) => time !== undefined);
  const amounts = layers.map(({ path, forward, backward, update, time }) => ({
    path,
    amount: time === undefined ? forward.flops + backward.flops + update.flops : time.stepMs,
    kind: time && BOUNDS.indexOf(time.bound),
  }));
  return icicleChart({
    title: isTimed
      ? { en: `${title}: predicted milliseconds of a training step by layer`, zh: `${title}：训练一步的预测毫秒数（按层）` }
      : { en: `${title}: FLOPs of a training step by layer`, zh: `${title}：训练一步的 FLOPs（按层）` },
    root: icicleOf(title, amounts),
    format: isTimed ? (ms) => `${ms.toPrecision(3)} ms` : (flops) => `${formatCount(flops)}FLOP`,
    kinds: isTimed ? KINDS : [],
  });
}

/** The cost of training and of an answer for several batch sizes. */
export function memoryByBatch(costs: readonly (readonly [batch: number, cost: GraphCost])[]): string {
  return formatTable(
    ["memory by batch size", "activations in use", "in training", "training in all"],
    costs.map(([batch, { memory, training }]) => [
      String(batch),
      mebibytes(memory.working),
      mebibytes(training.memory.working),
      mebibytes(training.memory.total),
    ]),
  );
}

/** The machine's rates in a line. */
export function rooflineLine(machine: Machine): string {
  const { device, threads, productFlops, convolutionFlops, memoryBandwidth } = machine;
  const ridge = productFlops / memoryBandwidth;
  return (
    `roofline of this machine (${device}, ${threads} threads): products ${formatCount(productFlops)}FLOP/s, convolutions ${formatCount(convolutionFlops)}FLOP/s, ` +
    `memory ${formatCount(memoryBandwidth)}B/s; below ${ridge.toPrecision(2)} FLOPs a byte memory is the bound`
  );
}
