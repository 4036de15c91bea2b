/**
 * @module Convolution layers: `Conv1d`, `Conv2d`, `ConvTranspose2d`. "Convolution" is cross-correlation, as in every framework.
 */
import type { Initializer, Tensor } from "../graph/index.js";
import { Parameter } from "../graph/index.js";
import type { Padding, WindowOptions } from "../ops/index.js";
import { conv, convTranspose, pad } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import { expectChannels, expectSizes } from "./check.js";
import { defaultBiasInit, defaultWeightInit, fans } from "./init.js";
import { Module } from "./module.js";

/** Options of convolution layers, named as in PyTorch. */
export interface ConvLayerOptions extends WindowOptions {
  /** One number for all axes, or one for each. */
  readonly kernelSize: number | readonly number[];
  /** Blocks that the channels fall into; as many as channels makes a depthwise convolution. */
  readonly groups?: number;
  readonly bias?: boolean;
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
  /** The values beyond the border. */
  readonly paddingMode?: "zeros" | "reflect" | "replicate" | "circular";
}

const PAD_MODES = { reflect: "reflect", replicate: "edge", circular: "wrap" } as const;

/** Sizes checked, and the kernel with one number for each axis. */
function kernelOf(layer: string, axes: number, inChannels: number, outChannels: number, o: ConvLayerOptions): readonly number[] {
  const { kernelSize, groups = 1 } = o;
  const kernel = typeof kernelSize === "number" ? new Array<number>(axes).fill(kernelSize) : kernelSize;
  expectSizes(layer, { inChannels, outChannels, groups });
  for (const size of kernel) expectSizes(layer, { kernelSize: size });
  if (kernel.length !== axes) throw new ConfigError(`${layer}: kernelSize: expected ${axes} numbers, got ${kernel.length}`);
  if (inChannels % groups !== 0 || outChannels % groups !== 0)
    throw new ConfigError(`${layer}: expected channels divisible by ${groups} groups, got ${inChannels} and ${outChannels}`);
  return kernel;
}

function makeParameters(shape: readonly number[], outChannels: number, o: ConvLayerOptions): [Parameter, Parameter | null] {
  const { bias = true, weightInit = defaultWeightInit, biasInit = defaultBiasInit(fans(shape).fanIn) } = o;
  return [
    new Parameter(shape, { initializer: weightInit }),
    bias ? new Parameter([outChannels], { initializer: biasInit }) : null,
  ];
}

/** Convolution with padding of any mode: ONNX's own pads with zeros only. */
function convolve(x: Tensor, weight: Tensor, bias: Tensor | null, o: ConvLayerOptions): Tensor {
  const { stride = 1, dilation = 1, padding = 0, groups = 1, paddingMode = "zeros" } = o;
  if (paddingMode === "zeros" || padding === "valid") return conv(x, weight, { bias, stride, dilation, padding, groups });
  const axes = x.rank - 2;
  if (typeof padding === "string")
    throw new ConfigError(`Conv: padding: expected widths with paddingMode "${paddingMode}", got "${padding}"`);
  const widths = typeof padding === "number" ? new Array<number>(axes).fill(padding) : padding;
  const before = [0, 0, ...widths.slice(0, axes)];
  const after = [0, 0, ...(widths.length === 2 * axes ? widths.slice(axes) : widths)];
  return conv(pad(x, before, after, PAD_MODES[paddingMode]), weight, { bias, stride, dilation, groups });
}

/** The common base of `Conv1d` and `Conv2d`. */
abstract class Conv extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly options: ConvLayerOptions;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #axes: number;

  constructor(layer: string, axes: number, inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super();
    const kernel = kernelOf(layer, axes, inChannels, outChannels, options);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.options = options;
    [this.weight, this.bias] = makeParameters([outChannels, inChannels / (options.groups ?? 1), ...kernel], outChannels, options);
    this.#axes = axes;
  }

  override forward(x: Tensor): Tensor {
    expectChannels(this, x, this.inChannels, this.#axes);
    return convolve(x, this.weight, this.bias, this.options);
  }
}

/**
 * Convolution over one axis.
 *
 * Shapes: x [N, in, L] → y [N, out, L']; weight [out, in/groups, k], bias [out].
 * Errors: ShapeError if x does not have `inChannels` channels and one axis.
 * Checked against: PyTorch 2.13, `nn.Conv1d`, 1e-6, layers.test.ts.
 */
export class Conv1d extends Conv {
  constructor(inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super("Conv1d", 1, inChannels, outChannels, options);
  }
}

/**
 * Convolution over two axes.
 *
 *     y[n, m, p] = Σ over c, k of weight[m, c, k] · x[n, c, stride·p + dilation·k − padding] + bias[m]
 *
 * Shapes: x [N, in, H, W] → y [N, out, H', W']; weight [out, in/groups, kH, kW], bias [out];
 * H' = ⌊(H + 2·padding − dilation·(kH − 1) − 1)/stride⌋ + 1.
 * Errors: ShapeError if x does not have `inChannels` channels and two axes; ConfigError if the groups do not divide the channels.
 * Checked against: PyTorch 2.13, `nn.Conv2d`, 1e-6, layers.test.ts.
 */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, options: ConvLayerOptions) {
    super("Conv2d", 2, inChannels, outChannels, options);
  }
}

/** Options of transposed convolution layers, named as in PyTorch. */
export interface ConvTransposeLayerOptions extends Omit<ConvLayerOptions, "padding" | "paddingMode"> {
  /** Widths that the result is cut by. */
  readonly padding?: Exclude<Padding, string>;
  /** Added after the end of each axis, to tell apart the lengths that one convolution maps to the same. */
  readonly outputPadding?: number | readonly number[];
}

/**
 * Transposed convolution over two axes: the gradient of `Conv2d` to its input, as a layer.
 *
 * Shapes: x [N, in, H, W] → y [N, out, H', W']; weight [in, out/groups, kH, kW], bias [out];
 * H' = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1.
 * Checked against: PyTorch 2.13, `nn.ConvTranspose2d`, 1e-6, layers.test.ts.
 */
export class ConvTranspose2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly options: ConvTransposeLayerOptions;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inChannels: number, outChannels: number, options: ConvTransposeLayerOptions) {
    super();
    const kernel = kernelOf("ConvTranspose2d", 2, inChannels, outChannels, options);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.options = options;
    const shape = [inChannels, outChannels / (options.groups ?? 1), ...kernel];
    [this.weight, this.bias] = makeParameters(shape, outChannels, options);
  }

  override forward(x: Tensor): Tensor {
    expectChannels(this, x, this.inChannels, 2);
    const { stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0 } = this.options;
    return convTranspose(x, this.weight, { bias: this.bias, stride, padding, dilation, groups, outputPadding });
  }
}
