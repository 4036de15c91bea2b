/**
 * @module Splits of a training over devices: data, ZeRO, tensor and pipeline parallelism, and the memory that each device then needs.
 */
import type { Recompute, TransformerSizes } from "./transformer.js";
import { activationBytesOfLayer } from "./transformer.js";

/** A way to split a training over data × tensor × pipeline devices. */
export interface Split {
  readonly data: number;
  readonly tensor: number;
  readonly pipeline: number;
  /** Stage of ZeRO: 0 none, 1 the optimizer's state, 2 gradients too, 3 weights too, each divided among the data-parallel devices. */
  readonly zero: 0 | 1 | 2 | 3;
  /** Sequences or examples that a device computes at once. */
  readonly microBatch: number;
}

/** Bytes for each parameter. */
export interface StateBytes {
  readonly weight: number;
  readonly gradient: number;
  /** Optimizer's state, and the float32 copy of the weights beside 16-bit ones. */
  readonly optimizer: number;
}

/** Numbers for each parameter that optimizers keep in float32; of Adafactor, whose rows and columns are few beside them, none. */
const SLOTS = { sgd: 1, rmsprop: 1, adagrad: 1, adam: 2, adamw: 2, lion: 1, adafactor: 0 } as const;
/** Optimizers that plans know. */
export type PlanOptimizer = keyof typeof SLOTS;
/** Optimizers that plans know. */
export const PLAN_OPTIMIZERS = Object.keys(SLOTS) as PlanOptimizer[];

/**
 * Bytes of state: in 16 bits 2 for the weight, 2 for its gradient, and 4 + 4·slots for the float32 copy and the optimizer (16 with Adam); in 32 bits 4, 4 and 4·slots.
 *
 * Source: Rajbhandari et al. 2019, ZeRO, §3.1, arXiv:1910.02054.
 */
export function stateBytes(optimizer: PlanOptimizer, isHalf: boolean): StateBytes {
  const slots = SLOTS[optimizer];
  return isHalf ? { weight: 2, gradient: 2, optimizer: 4 + 4 * slots } : { weight: 4, gradient: 4, optimizer: 4 * slots };
}

export interface DeviceMemory {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
  readonly activations: number;
  readonly total: number;
}

/** Memory of a device, with the part of its memory that fragments and libraries take left to the caller. */
export interface SplitModel {
  readonly parameters: number;
  readonly state: StateBytes;
  /** Bytes of activations on the first pipeline stage for a micro-batch. */
  readonly activations: (split: Split) => number;
}

/**
 * Memory of each device: state divided by tensor × pipeline, and by the data-parallel devices from that stage of ZeRO on which divides it.
 *
 * Source: Rajbhandari et al. 2019, Figure 1 and §5.
 */
export function memoryOfSplit({ parameters, state, activations }: SplitModel, split: Split): DeviceMemory {
  const { data, tensor, pipeline, zero } = split;
  const own = parameters / (tensor * pipeline);
  const part = (bytes: number, stage: number): number => (own * bytes) / (zero >= stage ? data : 1);
  const memory = {
    weights: part(state.weight, 3),
    gradients: part(state.gradient, 2),
    optimizer: part(state.optimizer, 1),
    activations: activations(split),
  };
  return { ...memory, total: memory.weights + memory.gradients + memory.optimizer + memory.activations };
}

/** Activations of a decoder: the layers of the first stage, which holds as many micro-batches as there are stages (1F1B), and the logits. */
export function decoderActivations(
  sizes: TransformerSizes,
  options: { readonly recompute: Recompute; readonly bytes: number },
): (split: Split) => number {
  return ({ tensor, pipeline, microBatch }) => {
    const layer = activationBytesOfLayer(sizes, { microBatch, tensor, ...options });
    // L/p layers × p micro-batches under way.
    const kept = layer * sizes.layers;
    const working =
      options.recompute === "none"
        ? 0
        : activationBytesOfLayer(sizes, { microBatch, tensor, bytes: options.bytes, recompute: "none" });
    // Logits and their gradient in float32; on the last stage alone where there are several.
    const logits = pipeline === 1 ? (2 * 4 * microBatch * sizes.context * sizes.vocabulary) / tensor : 0;
    return kept + working + logits;
  };
}

/** Choices, and what is settled. */
export interface SplitLimits {
  readonly devices: number;
  readonly devicesPerNode: number;
  readonly memoryBytes: number;
  /** Sequences or examples in a batch, over all devices. */
  readonly batch: number;
  /** Counts that tensor-parallel devices and pipeline stages must divide; 1 where a model cannot be split so. */
  readonly heads: number;
  readonly layers: number;
  readonly fixed: Partial<Split>;
}

const powersUpTo = (limit: number): number[] => {
  const powers: number[] = [];
  for (let n = 1; n <= limit; n *= 2) powers.push(n);
  return powers;
};

/** A split that fits, with its memory. */
export interface FittingSplit {
  readonly split: Split;
  readonly memory: DeviceMemory;
}

/**
 * All splits that fit, the least communication first: the least tensor and pipeline parallelism, then the lowest stage of ZeRO, then the largest micro-batch.
 * Tensor parallelism stays within a node.
 */
export function fittingSplits(model: SplitModel, limits: SplitLimits): FittingSplit[] {
  const { devices, devicesPerNode, memoryBytes, batch, heads, layers, fixed } = limits;
  const found: FittingSplit[] = [];
  for (const tensor of fixed.tensor === undefined ? powersUpTo(Math.min(devicesPerNode, heads)) : [fixed.tensor]) {
    if (heads % tensor !== 0) continue;
    for (const pipeline of fixed.pipeline === undefined ? powersUpTo(layers) : [fixed.pipeline]) {
      const data = devices / (tensor * pipeline);
      if (!Number.isInteger(data) || layers % pipeline !== 0 || data > batch) continue;
      if (fixed.data !== undefined && fixed.data !== data) continue;
      for (const zero of fixed.zero === undefined ? ([0, 1, 2, 3] as const) : [fixed.zero]) {
        if (zero > 0 && data === 1 && fixed.zero === undefined) continue;
        const most = Math.max(1, Math.floor(batch / data / (pipeline > 1 ? 4 * pipeline : 1)));
        for (const microBatch of fixed.microBatch === undefined ? powersUpTo(most).reverse() : [fixed.microBatch]) {
          const split: Split = { data, tensor, pipeline, zero, microBatch };
          const memory = memoryOfSplit(model, split);
          if (memory.total > memoryBytes) continue;
          found.push({ split, memory });
          break;
        }
      }
    }
  }
  const weight = ({ split }: FittingSplit): number => split.tensor * split.pipeline * 10 + split.zero;
  return found.sort((a, b) => weight(a) - weight(b) || b.split.microBatch - a.split.microBatch);
}
