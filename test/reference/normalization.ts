/**
 * @module Reference kernels: normalization.
 */
import type { Call, Kernel, RefValue } from "./value.js";
import { atBroadcast, build, buildAt, forEachIndex, offsetOf } from "./value.js";
import { sizeOf } from "../../src/graph/index.js";

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
function moments(values: readonly number[]): { mean: number; variance: number } {
  const m = mean(values);
  return { mean: m, variance: mean(values.map((v) => (v - m) ** 2)) };
}

/** Elements of x in groups: `group(index)` is the number of an element's group. Each element is replaced by f. */
function byGroup(
  x: RefValue,
  group: (index: readonly number[]) => number,
  f: (value: number, members: readonly number[], index: readonly number[]) => number,
): RefValue {
  const members = new Map<number, number[]>();
  const of = (index: readonly number[]): number[] => {
    const key = group(index);
    let list = members.get(key);
    if (list === undefined) members.set(key, (list = []));
    return list;
  };
  let i = 0;
  forEachIndex(x.shape, (index) => of(index).push(x.data[i++] as number));
  i = 0;
  return buildAt(x.dtype, x.shape, (index) => f(x.data[i++] as number, of(index), index));
}

const channelAt = (t: RefValue | null, index: readonly number[], otherwise: number): number =>
  t === null ? otherwise : (t.data[index[1] as number] as number);

/** (v − mean) / √(variance + ε) per group, scaled and shifted per channel. */
function perChannel(call: Call, x: RefValue, group: (index: readonly number[]) => number): RefValue {
  const [scale, bias] = [call.optional(1), call.optional(2)];
  const epsilon = call.number("epsilon", 1e-5);
  return byGroup(x, group, (v, members, index) => {
    const { mean: m, variance } = moments(members);
    return ((v - m) / Math.sqrt(variance + epsilon)) * channelAt(scale, index, 1) + channelAt(bias, index, 0);
  });
}

/** The elements of each channel of x. */
function channelsOf(x: RefValue): number[][] {
  const channels = Array.from({ length: x.shape[1] as number }, () => [] as number[]);
  let i = 0;
  forEachIndex(x.shape, (index) => (channels[index[1] as number] as number[]).push(x.data[i++] as number));
  return channels;
}

/** f of each element and the number of its channel. */
function mapChannels(x: RefValue, f: (value: number, channel: number) => number): RefValue {
  let i = 0;
  return buildAt(x.dtype, x.shape, (index) => f(x.data[i++] as number, index[1] as number));
}

const element = (t: RefValue, i: number): number => t.data[i] as number;

/** y, and the mean and population variance of each channel over the batch. */
function batchNormTrain(call: Call): readonly RefValue[] {
  const [x, scale, bias] = [call.x(0), call.x(1), call.x(2)];
  const epsilon = call.number("epsilon", 1e-5);
  const batch = channelsOf(x).map(moments);
  const of = (c: number): { mean: number; variance: number } => batch[c] as { mean: number; variance: number };
  const y = (v: number, c: number): number =>
    ((v - of(c).mean) / Math.sqrt(of(c).variance + epsilon)) * element(scale, c) + element(bias, c);
  return [
    mapChannels(x, y),
    build(x.dtype, [batch.length], (c) => of(c).mean),
    build(x.dtype, [batch.length], (c) => of(c).variance),
  ];
}

/** Normalization over the last axes, from `axis` on: (v − center) / √(spread + ε), scaled and shifted elementwise. */
function overLastAxes(call: Call, centered: boolean): readonly RefValue[] {
  const x = call.x();
  const [scale, bias] = [call.optional(1), call.optional(2)];
  const axis = call.axis("axis", x.shape.length, -1);
  const epsilon = call.number("epsilon", 1e-5);
  const lead = x.shape.slice(0, axis);
  const statistics = (members: readonly number[]): { center: number; inverse: number } => {
    const center = centered ? mean(members) : 0;
    return { center, inverse: 1 / Math.sqrt(mean(members.map((v) => (v - center) ** 2)) + epsilon) };
  };
  const group = (index: readonly number[]): number => offsetOf(lead, index.slice(0, axis));
  const y = byGroup(x, group, (v, members, index) => {
    const { center, inverse } = statistics(members);
    return (
      (v - center) * inverse * (scale === null ? 1 : atBroadcast(scale, index)) + (bias === null ? 0 : atBroadcast(bias, index))
    );
  });
  if (!centered) return [y];
  const size = x.data.length / sizeOf(lead);
  const kept = x.shape.map((d, i) => (i < axis ? d : 1));
  const rows = (i: number): { center: number; inverse: number } => statistics([...x.data.subarray(i * size, (i + 1) * size)]);
  return [y, build(x.dtype, kept, (i) => rows(i).center), build(x.dtype, kept, (i) => rows(i).inverse)];
}

export const normalization: Readonly<Record<string, Kernel>> = {
  ChannelAffine: (call) => {
    const [x, a, b] = [call.x(0), call.x(1), call.optional(2)];
    return [mapChannels(x, (v, c) => v * element(a, c) + (b === null ? 0 : element(b, c)))];
  },
  ChannelDot: (call) => {
    const [u, v] = [call.x(0), call.x(1)];
    const [us, vs] = [channelsOf(u), channelsOf(v)];
    return [build(u.dtype, [us.length], (c) => (us[c] ?? []).reduce((sum, value, i) => sum + value * (vs[c]?.[i] as number), 0))];
  },
  BatchNormalization: (call) => {
    if (call.flag("training_mode")) {
      const [y, ...batch] = batchNormTrain(call);
      const momentum = call.number("momentum", 0.9);
      const running = batch.map((now, k) => {
        const old = call.x(k + 3);
        return build(old.dtype, old.shape, (c) => element(old, c) * momentum + element(now, c) * (1 - momentum));
      });
      return [y as RefValue, ...running];
    }
    const [scale, bias, center, variance] = [call.x(1), call.x(2), call.x(3), call.x(4)];
    const epsilon = call.number("epsilon", 1e-5);
    const y = (v: number, c: number): number =>
      ((v - element(center, c)) / Math.sqrt(element(variance, c) + epsilon)) * element(scale, c) + element(bias, c);
    return [mapChannels(call.x(), y)];
  },
  BatchNormTrain: batchNormTrain,
  InstanceNormalization: (call) => {
    const x = call.x();
    return [perChannel(call, x, ([n = 0, c = 0]) => n * (x.shape[1] as number) + c)];
  },
  GroupNormalization: (call) => {
    const x = call.x();
    const groups = call.number("num_groups");
    const size = (x.shape[1] as number) / groups;
    return [perChannel(call, x, ([n = 0, c = 0]) => n * groups + Math.floor(c / size))];
  },
  LayerNormalization: (call) => overLastAxes(call, true),
  RMSNormalization: (call) => overLastAxes(call, false),
  SimplifiedLayerNormalization: (call) => overLastAxes(call, false),
  LRN: (call) => {
    const x = call.x();
    const size = call.number("size");
    const [alpha, beta, bias] = [call.number("alpha", 0.0001), call.number("beta", 0.75), call.number("bias", 1)];
    const channels = x.shape[1] as number;
    let i = 0;
    return [
      buildAt(x.dtype, x.shape, (index) => {
        const c = index[1] as number;
        let sum = 0;
        for (
          let k = Math.max(0, c - Math.floor((size - 1) / 2));
          k <= Math.min(channels - 1, c + Math.ceil((size - 1) / 2));
          k++
        ) {
          sum +=
            (x.data[
              offsetOf(
                x.shape,
                index.map((p, axis) => (axis === 1 ? k : p)),
              )
            ] as number) ** 2;
        }
        return (x.data[i++] as number) / (bias + (alpha / size) * sum) ** beta;
      }),
    ];
  },
};
