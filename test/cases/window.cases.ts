/**
 * @module Rows of the ops with sliding windows: convolution and pooling.
 */
import type { Tensor } from "../../src/graph/index.js";
import type { Window } from "../../src/ops/index.js";
import { emit, emitOne, MaxPool, MaxPoolGradient, MaxPoolPick } from "../../src/ops/index.js";
import type { OpCase } from "./case.js";
import { distinct, float, ties } from "./case.js";

interface Windowed {
  readonly variant: string;
  /** Spatial lengths of x, and of y as the window gives them. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly kernel: readonly number[];
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
  /** The last window may hang over the end. */
  readonly ceil?: boolean;
}

const WINDOWS: readonly Windowed[] = [
  { variant: "padded", x: [4, 3], y: [4, 3], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { variant: "uneven padding", x: [4, 3], y: [4, 4], kernel: [2, 3], pads: [1, 2, 0, 1] },
  { variant: "strided", x: [5, 4], y: [3, 2], kernel: [3, 2], strides: [2, 2], pads: [1, 0, 1, 0] },
  { variant: "strided with a remainder", x: [6, 5], y: [2, 2], kernel: [3, 2], strides: [2, 3] },
  { variant: "stride beyond kernel", x: [7, 5], y: [3, 2], kernel: [1, 2], strides: [3, 3] },
  { variant: "dilated and strided", x: [7, 6], y: [2, 4], kernel: [3, 2], strides: [2, 1], dilations: [2, 2] },
  { variant: "1-D", x: [6], y: [3], kernel: [3], strides: [2], pads: [1, 1] },
  { variant: "3-D", x: [2, 3, 2], y: [2, 2, 3], kernel: [1, 2, 2], pads: [0, 0, 1, 0, 0, 1] },
];
/** Only for convolution: windows with a place for padding alone, and of one place. */
const CONV_WINDOWS: readonly Windowed[] = [
  ...WINDOWS,
  { variant: "padding beyond kernel", x: [3, 3], y: [6, 4], kernel: [2, 2], pads: [2, 1, 2, 1] },
  { variant: "pointwise", x: [3, 2], y: [3, 2], kernel: [1, 1] },
  { variant: "pointwise strided", x: [4, 3], y: [2, 2], kernel: [1, 1], strides: [2, 2] },
];
/** Only for pooling: windows that hang over the end. */
const POOL_WINDOWS: readonly Windowed[] = [
  ...WINDOWS,
  { variant: "hanging over", x: [5, 6], y: [3, 3], kernel: [2, 2], strides: [2, 2], ceil: true },
  { variant: "hanging over, padded", x: [7, 6], y: [4, 4], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil: true },
  { variant: "side by side", x: [4, 6], y: [2, 2], kernel: [2, 3], strides: [2, 3] },
];

const window = (w: Windowed): Window => ({
  kernel_shape: w.kernel,
  strides: w.strides ?? w.kernel.map(() => 1),
  pads: w.pads ?? [...w.kernel, ...w.kernel].map(() => 0),
  dilations: w.dilations ?? w.kernel.map(() => 1),
});

/** Channels of x and y, and groups. */
const CHANNELS = [
  { c: 2, m: 3, group: 1, name: "" },
  { c: 4, m: 2, group: 2, name: ", groups" },
  { c: 3, m: 3, group: 3, name: ", depthwise" },
  { c: 2, m: 4, group: 2, name: ", depthwise with two for each" },
] as const;

const convRows: OpCase[] = CONV_WINDOWS.flatMap((w, i) =>
  CHANNELS.filter((_, k) => k === 0 || i < 4).flatMap(({ c, m, group, name }): OpCase[] => {
    const [x, y, weights] = [
      [2, c, ...w.x],
      [2, m, ...w.y],
      [m, c / group, ...w.kernel],
    ];
    const attributes = { ...window(w), group };
    const variant = w.variant + name;
    return [
      { op: "Conv", variant, operands: [float(x), float(weights), i % 2 === 0 ? float([m]) : null], attributes },
      {
        op: "ConvInputGradient",
        variant,
        operands: [float(y), float(weights)],
        attributes: { ...attributes, input_shape: w.x },
      },
      { op: "ConvWeightGradient", variant, operands: [float(x), float(y)], attributes },
      {
        // From y back to x: the output padding is what the stride left over.
        op: "ConvTranspose",
        variant,
        operands: [float(y), float(weights), i % 2 === 0 ? float([c]) : null],
        attributes: { ...attributes, output_padding: leftOver(w) },
      },
    ];
  }),
).filter(({ op, attributes }) => {
  if (op !== "ConvTranspose") return true;
  // The engine's rule: less output padding than the stride.
  const { output_padding, strides } = attributes as Record<string, number[]>;
  return output_padding!.every((width, i) => width < strides![i]!);
});

function leftOver(w: Windowed): number[] {
  const { strides, pads, dilations } = window(w);
  return w.x.map((length, i) => {
    const reach = dilations[i]! * (w.kernel[i]! - 1) + 1;
    return length + pads[i]! + pads[i + w.x.length]! - ((w.y[i]! - 1) * strides[i]! + reach);
  });
}

const poolRows: OpCase[] = POOL_WINDOWS.flatMap((w): OpCase[] => {
  const attributes = { ...window(w), ceil_mode: w.ceil ?? false };
  const [x, y] = [
    [2, 2, ...w.x],
    [2, 2, ...w.y],
  ];
  const chosen = (op: typeof MaxPoolGradient, given: Tensor, pooled: Tensor): Tensor[] => {
    const [values, places] = emit(MaxPool, [pooled], attributes) as [Tensor, Tensor];
    return [emitOne(op, [given, pooled, values, places], attributes)];
  };
  return [
    { op: "MaxPool", variant: w.variant, operands: [float(x, distinct)], attributes },
    {
      op: "MaxPoolGradient",
      variant: w.variant,
      operands: [float(y), float(x, distinct)],
      build: ([dy, pooled]) => chosen(MaxPoolGradient, dy as Tensor, pooled as Tensor),
    },
    {
      op: "MaxPoolPick",
      variant: w.variant,
      operands: [float(x), float(x, distinct)],
      build: ([g, pooled]) => chosen(MaxPoolPick, g as Tensor, pooled as Tensor),
    },
    {
      op: "MaxPoolGradient",
      variant: `${w.variant}, ties`,
      operands: [float(y), float(x, ties)],
      build: ([dy, pooled]) => chosen(MaxPoolGradient, dy as Tensor, pooled as Tensor),
      noGradientCheck: "where several tie, a step in one changes which is the first",
    },
    ...[false, true].flatMap((count_include_pad): OpCase[] => {
      const variant = `${w.variant}${count_include_pad ? "" : ", padding not counted"}`;
      return [
        { op: "AveragePool", variant, operands: [float(x)], attributes: { ...attributes, count_include_pad } },
        {
          op: "AveragePoolGradient",
          variant,
          operands: [float(y)],
          attributes: { ...attributes, count_include_pad, input_shape: w.x },
        },
      ];
    }),
  ];
});

export const windowCases: readonly OpCase[] = [
  ...convRows,
  ...poolRows,
  { op: "GlobalAveragePool", operands: [float([2, 3, 2, 4])] },
  { op: "GlobalAveragePool", variant: "1-D", operands: [float([2, 3, 5])] },
  { op: "GlobalMaxPool", operands: [float([2, 3, 2, 4], distinct)] },
  {
    op: "GlobalMaxPool",
    variant: "ties",
    operands: [float([2, 3, 2, 4], ties)],
    noGradientCheck: "where several tie they share dy, but a step in one makes it the largest alone",
  },
];
