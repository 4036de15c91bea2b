/**
 * @module Reference kernels: sliding windows (convolution and pooling), over any number of spatial axes.
 */
import type { Call, Kernel, RefValue } from "./value.js";
import { at, build, buildAt, forEachIndex, offsetOf } from "./value.js";
import { sizeOf } from "../../src/graph/index.js";

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before each axis, then after each. */
  readonly pads: readonly number[];
  /** Output lengths. */
  readonly slid: readonly number[];
}

/** The window's attributes over the spatial lengths of x, with ONNX's defaults and automatic padding. */
function windowOf(call: Call, lengths: readonly number[], kernel: readonly number[]): Window {
  const axes = kernel.length;
  const ones = new Array<number>(axes).fill(1);
  const strides = call.list("strides", ones);
  const dilations = call.list("dilations", ones);
  const auto = call.text("auto_pad", "NOTSET");
  const span = kernel.map((k, i) => (dilations[i] as number) * (k - 1) + 1);
  let pads = auto === "VALID" ? new Array<number>(2 * axes).fill(0) : call.list("pads", new Array<number>(2 * axes).fill(0));
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
    const totals = lengths.map((length, i) => {
      const stride = strides[i] as number;
      return Math.max(0, (Math.ceil(length / stride) - 1) * stride + (span[i] as number) - length);
    });
    const small = totals.map((total) => Math.floor(total / 2));
    const large = totals.map((total) => Math.ceil(total / 2));
    pads = auto === "SAME_UPPER" ? [...small, ...large] : [...large, ...small];
  }
  const slid = lengths.map((length, i) => {
    const [before, stride] = [pads[i] as number, strides[i] as number];
    const steps = (length + before + (pads[i + axes] as number) - (span[i] as number)) / stride;
    if (!call.flag("ceil_mode")) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    // A window must begin inside x or in the padding before it.
    return (count - 1) * stride >= length + before ? count - 1 : count;
  });
  return { kernel, strides, dilations, pads, slid };
}

/** Calls f with every tap of the window at output place `place`, and its position in x (which may lie outside). */
function forEachTap(w: Window, place: readonly number[], f: (tap: readonly number[], position: readonly number[]) => void): void {
  const position = new Array<number>(w.kernel.length);
  forEachIndex(w.kernel, (tap) => {
    tap.forEach((k, i) => {
      position[i] = (place[i] as number) * (w.strides[i] as number) + k * (w.dilations[i] as number) - (w.pads[i] as number);
    });
    f(tap, position);
  });
}

const inside = (position: readonly number[], lengths: readonly number[]): boolean =>
  position.every((p, i) => p >= 0 && p < (lengths[i] as number));

/** Every (output place, tap, input place) that a convolution multiplies, as offsets into y, w and x. */
function forEachProduct(
  w: Window,
  shapes: { x: readonly number[]; w: readonly number[]; y: readonly number[] },
  group: number,
  f: (y: number, w: number, x: number) => void,
): void {
  const lengths = shapes.x.slice(2);
  const [outputs, perGroup] = [(shapes.w[0] as number) / group, shapes.w[1] as number];
  forEachIndex(shapes.y, (index) => {
    const [n, m, ...place] = index as [number, number, ...number[]];
    const y = offsetOf(shapes.y, index);
    const block = Math.floor(m / outputs);
    forEachTap(w, place, (tap, position) => {
      if (!inside(position, lengths)) return;
      for (let c = 0; c < perGroup; c++) {
        f(y, offsetOf(shapes.w, [m, c, ...tap]), offsetOf(shapes.x, [n, block * perGroup + c, ...position]));
      }
    });
  });
}

const convolution: Readonly<Record<string, Kernel>> = {
  Conv: (call) => {
    const [x, weight, bias] = [call.x(0), call.x(1), call.optional(2)];
    const w = windowOf(call, x.shape.slice(2), weight.shape.slice(2));
    const shape = [x.shape[0] as number, weight.shape[0] as number, ...w.slid];
    const channel = sizeOf(w.slid);
    const y = build(x.dtype, shape, (i) =>
      bias === null ? 0 : (bias.data[Math.floor(i / channel) % bias.data.length] as number),
    );
    forEachProduct(w, { x: x.shape, w: weight.shape, y: shape }, call.number("group", 1), (yi, wi, xi) => {
      y.data[yi] = (y.data[yi] as number) + (weight.data[wi] as number) * (x.data[xi] as number);
    });
    return [y];
  },
  ConvInputGradient: (call) => {
    const [dy, weight] = [call.x(0), call.x(1)];
    const group = call.number("group", 1);
    const lengths = call.list("input_shape");
    const w = windowOf(call, lengths, weight.shape.slice(2));
    const shape = [dy.shape[0] as number, (weight.shape[1] as number) * group, ...lengths];
    const dx = build(dy.dtype, shape, () => 0);
    forEachProduct(w, { x: shape, w: weight.shape, y: dy.shape }, group, (yi, wi, xi) => {
      dx.data[xi] = (dx.data[xi] as number) + (weight.data[wi] as number) * (dy.data[yi] as number);
    });
    return [dx];
  },
  ConvWeightGradient: (call) => {
    const [x, dy] = [call.x(0), call.x(1)];
    const group = call.number("group", 1);
    const kernel = call.list("kernel_shape");
    const w = windowOf(call, x.shape.slice(2), kernel);
    const shape = [dy.shape[1] as number, (x.shape[1] as number) / group, ...kernel];
    const dw = build(x.dtype, shape, () => 0);
    forEachProduct(w, { x: x.shape, w: shape, y: dy.shape }, group, (yi, wi, xi) => {
      dw.data[wi] = (dw.data[wi] as number) + (x.data[xi] as number) * (dy.data[yi] as number);
    });
    return [dw];
  },
  ConvTranspose: (call) => {
    const [x, weight, bias] = [call.x(0), call.x(1), call.optional(2)];
    const group = call.number("group", 1);
    const kernel = weight.shape.slice(2);
    const axes = kernel.length;
    const ones = new Array<number>(axes).fill(1);
    const zeros = new Array<number>(2 * axes).fill(0);
    const [strides, dilations] = [call.list("strides", ones), call.list("dilations", ones)];
    const extra = call.list("output_padding", zeros.slice(axes));
    const pads = call.list("pads", zeros);
    const lengths = x.shape.slice(2).map((length, i) => {
      const reach = (dilations[i] as number) * ((kernel[i] as number) - 1) + 1;
      const cut = (pads[i] as number) + (pads[i + axes] as number);
      return (strides[i] as number) * (length - 1) + (extra[i] as number) + reach - cut;
    });
    const shape = [x.shape[0] as number, (weight.shape[1] as number) * group, ...lengths];
    const channel = sizeOf(lengths);
    const y = build(x.dtype, shape, (i) =>
      bias === null ? 0 : (bias.data[Math.floor(i / channel) % bias.data.length] as number),
    );
    // The convolution whose input would be y and whose output is x.
    const w: Window = { kernel, strides, dilations, pads, slid: x.shape.slice(2) };
    forEachProduct(w, { x: shape, w: weight.shape, y: x.shape }, group, (xi, wi, yi) => {
      y.data[yi] = (y.data[yi] as number) + (weight.data[wi] as number) * (x.data[xi] as number);
    });
    return [y];
  },
};

/** Folds what each window over x sees: the positions inside x, as offsets; and how many taps lie inside the padded x. */
function pooled(call: Call, x: RefValue, f: (seen: readonly number[], padded: number, y: number) => void): readonly number[] {
  const lengths = x.shape.slice(2);
  const w = windowOf(call, lengths, call.list("kernel_shape"));
  const shape = [...x.shape.slice(0, 2), ...w.slid];
  const axes = lengths.length;
  let y = 0;
  forEachIndex(shape, (index) => {
    const seen: number[] = [];
    let padded = 0;
    forEachTap(w, index.slice(2), (_, position) => {
      if (inside(position, lengths)) seen.push(offsetOf(x.shape, [...index.slice(0, 2), ...position]));
      // With ceil_mode a window may hang over the padded end: what lies there counts for nothing.
      if (position.every((p, i) => p >= -(w.pads[i] as number) && p < (lengths[i] as number) + (w.pads[i + axes] as number)))
        padded++;
    });
    f(seen, padded, y++);
  });
  return shape;
}

const zerosOf = (x: RefValue, shape: readonly number[] = x.shape): RefValue => build(x.dtype, shape, () => 0);

/** Makes the result of `pooled` for a tensor of the given shape, without its values. */
const shaped = (dy: RefValue, spatial: readonly number[]): RefValue => zerosOf(dy, [...dy.shape.slice(0, 2), ...spatial]);

const global =
  (fold: (values: readonly number[]) => number): Kernel =>
  (call) => {
    const x = call.x();
    const size = sizeOf(x.shape.slice(2));
    return [
      build(
        x.dtype,
        x.shape.map((d, i) => (i < 2 ? d : 1)),
        (i) => fold([...x.data.subarray(i * size, (i + 1) * size)]),
      ),
    ];
  };

const pooling: Readonly<Record<string, Kernel>> = {
  MaxPool: (call) => {
    const x = call.x();
    const values: number[] = [];
    const places: number[] = [];
    const shape = pooled(call, x, (seen) => {
      let best = seen[0] as number;
      for (const place of seen) if ((x.data[place] as number) > (x.data[best] as number)) best = place;
      values.push(x.data[best] as number);
      places.push(best);
    });
    return [build(x.dtype, shape, (i) => values[i] as number), build("int64", shape, (i) => places[i] as number)];
  },
  MaxPoolGradient: (call) => {
    const [dy, x, places] = [call.x(0), call.x(1), call.x(3)];
    const dx = zerosOf(x);
    places.data.forEach((place, i) => {
      dx.data[place] = (dx.data[place] as number) + (dy.data[i] as number);
    });
    return [dx];
  },
  MaxPoolPick: (call) => {
    const [g, y, places] = [call.x(0), call.x(2), call.x(3)];
    return [build(y.dtype, y.shape, (i) => g.data[places.data[i] as number] as number)];
  },
  AveragePool: (call) => {
    const x = call.x();
    const include = call.flag("count_include_pad");
    const values: number[] = [];
    const shape = pooled(call, x, (seen, padded) => {
      const sum = seen.reduce((total, place) => total + (x.data[place] as number), 0);
      values.push(sum / (include ? padded : seen.length));
    });
    return [build(x.dtype, shape, (i) => values[i] as number)];
  },
  AveragePoolGradient: (call) => {
    const dy = call.x();
    const dx = shaped(dy, call.list("input_shape"));
    const include = call.flag("count_include_pad");
    pooled(call, dx, (seen, padded, i) => {
      const share = (dy.data[i] as number) / (include ? padded : seen.length);
      for (const place of seen) dx.data[place] = (dx.data[place] as number) + share;
    });
    return [dx];
  },
  GlobalAveragePool: global((values) => values.reduce((a, b) => a + b, 0) / values.length),
  GlobalMaxPool: global((values) => values.reduce((a, b) => Math.max(a, b), -Infinity)),
};

/** The weight of each position of x in each output place along one axis. */
type AxisWeights = readonly (readonly { readonly position: number; readonly weight: number }[])[];

/** Finds the position on the input's axis of output position `place`. */
function originalPlace(mode: string, place: number, scale: number, input: number, output: number): number {
  switch (mode) {
    case "half_pixel":
      return (place + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return output > 1 ? (place + 0.5) / scale - 0.5 : 0;
    case "align_corners":
      return output === 1 ? 0 : (place * (input - 1)) / (output - 1);
    case "asymmetric":
      return place / scale;
    case "half_pixel_symmetric": {
      const center = (input / 2) * (1 - output / (scale * input));
      return center + (place + 0.5) / scale - 0.5;
    }
    default:
      throw new Error(`reference Resize: no coordinate_transformation_mode ${mode}`);
  }
}

function nearestPlace(mode: string, place: number): number {
  if (mode === "floor") return Math.floor(place);
  if (mode === "ceil") return Math.ceil(place);
  if (mode === "round_prefer_ceil") return Math.floor(place + 0.5);
  return Math.ceil(place - 0.5); // round_prefer_floor
}

/** Keys' cubic convolution (1981). */
function cubicWeight(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

function resizeWeights(call: Call, input: number, output: number, scale: number): AxisWeights {
  const mode = call.text("mode", "nearest");
  const coordinates = call.text("coordinate_transformation_mode", "half_pixel");
  const clamp = (p: number): number => Math.min(Math.max(p, 0), input - 1);
  return Array.from({ length: output }, (_, place) => {
    if (input === output && scale === 1) return [{ position: place, weight: 1 }];
    const x = originalPlace(coordinates, place, scale, input, output);
    if (mode === "nearest") {
      return [{ position: clamp(nearestPlace(call.text("nearest_mode", "round_prefer_floor"), x)), weight: 1 }];
    }
    const low = Math.floor(x);
    if (mode === "linear") {
      return [
        { position: clamp(low), weight: 1 - (x - low) },
        { position: clamp(low + 1), weight: x - low },
      ];
    }
    const a = call.number("cubic_coeff_a", -0.75);
    const taps = [low - 1, low, low + 1, low + 2].map((p) => ({ position: p, weight: cubicWeight(x - p, a) }));
    if (!call.flag("exclude_outside")) return taps.map(({ position, weight }) => ({ position: clamp(position), weight }));
    const kept = taps.filter(({ position }) => position >= 0 && position < input);
    const sum = kept.reduce((total, { weight }) => total + weight, 0);
    return kept.map(({ position, weight }) => ({ position, weight: weight / sum }));
  });
}

const resizing: Readonly<Record<string, Kernel>> = {
  Resize: (call) => {
    const x = call.x();
    const rank = x.shape.length;
    const axes = call.list(
      "axes",
      x.shape.map((_, i) => i),
    );
    const [sizes, scales] = [call.attributes["sizes"], call.attributes["scales"]] as (readonly number[] | undefined)[];
    const along = (axis: number): number => axes.findIndex((given) => (given < 0 ? given + rank : given) === axis);
    const shape = x.shape.map((d, axis) => {
      const i = along(axis);
      if (i < 0) return d;
      return sizes === undefined || sizes.length === 0
        ? Math.floor(d * ((scales as readonly number[])[i] as number))
        : (sizes[i] as number);
    });
    const weights = x.shape.map((d, axis) => {
      const i = along(axis);
      const output = shape[axis] as number;
      const given = i < 0 || scales === undefined || scales.length === 0 ? output / d : (scales[i] as number);
      return resizeWeights(call, d, output, given);
    });
    return [
      buildAt(x.dtype, shape, (index) => {
        const choices = index.map((p, axis) => (weights[axis] as AxisWeights)[p] ?? []);
        let sum = 0;
        forEachIndex(
          choices.map((list) => list.length),
          (pick) => {
            const taps = pick.map((k, axis) => choices[axis]?.[k] ?? { position: 0, weight: 0 });
            sum +=
              taps.reduce((product, tap) => product * tap.weight, 1) *
              at(
                x,
                taps.map((tap) => tap.position),
              );
          },
        );
        return sum;
      }),
    ];
  },
};

export const windows: Readonly<Record<string, Kernel>> = { ...convolution, ...pooling, ...resizing };
