/**
 * @module An imported graph as a classifier of images: its input's size, and what its pixels must be.
 */
import type { Dim, Tensor } from "../../../graph/index.js";
import { sizeOf } from "../../../graph/index.js";
import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from "../../../onnx/index.js";
import { freeAxes, shownInput } from "../../../onnx/index.js";
import { concat } from "../../../ops/index.js";
import type { Json } from "../../../util/described.js";
import { isRecord } from "../../../util/described.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import type { PixelScale } from "../../../vision/index.js";
import { formatPixelScale, MAX_SIDE, parsePixelScale, PIXEL_SCALES, pixelScale } from "../../../vision/index.js";
import type { GraphFile, GraphInfo, GraphOptions, GraphPlan, GraphUse, Places } from "../../graph-use.js";
import { WrappedGraph } from "../../graph-use.js";
import type { ImageInfo } from "../images.js";
import { own } from "../../../util/record.js";

/** The file's graph: images [N, C, H, W], scaled → logits [N, K]. */
class ImageGraph extends WrappedGraph {
  override forward(image: Tensor): Tensor {
    const { layout, colors, places } = this.info;
    const ordered = colors === "BGR" ? reversedColors(image) : image;
    const logits = this.scores({ image: () => (layout === "NHWC" ? ordered.transpose([0, 2, 3, 1]) : ordered) });
    if (places !== undefined) return highest(logits, places);
    return logits.rank === 2 ? logits : logits.reshape([logits.shape[0] as Dim, logits.shape[1] as Dim]);
  }
}

/** The highest score of each class over all places, times the place's own where it has one: [N, K]. */
function highest(scores: Tensor, { axis, before, objectness }: Places): Tensor {
  const [rows, ...rest] = scores.shape as readonly [Dim, ...number[]];
  const count = scores.shape[axis] as number;
  const places = sizeOf(rest) / count;
  const byPlace = axis === 1 ? scores.reshape([rows, count, places]) : scores.reshape([rows, places, count]).transpose([0, 2, 1]);
  const classes = byPlace.slice(1, before, count);
  const sure = objectness === undefined ? classes : classes.mul(byPlace.slice(1, objectness, objectness + 1));
  return sure.reduceMax([2]);
}

/** Red, green, blue as blue, green, red: [N, 3, H, W]. */
function reversedColors(image: Tensor): Tensor {
  const [red, green, blue] = image.split([1, 1, 1], 1) as [Tensor, Tensor, Tensor];
  return concat([blue, green, red], 1);
}

const UINT8 = 2;
/** The value of white in the units of `PixelScale`. */
const WHITE = 255;
const isChannels = (d: number | string | null | undefined): boolean => d === 1 || d === 3;

/** The one input that is an image. */
function imageInput({ where, model }: GraphFile): ValueInfoProto {
  const weights = new Set(model.graph.initializers.map(({ name }) => name));
  const inputs = model.graph.inputs.filter(({ name }) => !weights.has(name));
  const [image, ...others] = inputs;
  if (image === undefined || others.length > 0 || image.shape?.length !== 4)
    throw new ConfigError(
      `${where}: expected one input of four dimensions for image-classification, got ${inputs.map(shownInput).join(", ") || "none"}`,
    );
  return image;
}

/** Channels, height and width, and where the channels stand. */
function geometry(file: GraphFile, options: GraphOptions): { shape: number[]; layout: PixelScale["layout"] } {
  const input = imageInput(file);
  const [, a, b, c] = input.shape as readonly (number | string | null)[];
  const layout = !isChannels(a) && isChannels(c) ? "NHWC" : "NCHW";
  const [channels, height, width] = layout === "NCHW" ? [a, b, c] : [c, a, b];
  const { imageSize, shape: shaped = [] } = options;
  const [asked, wide] = imageSize ?? [];
  const source = shaped.length > 0 ? `by ${file.where} and --shape ${shaped.join(" ")}` : `which ${file.where} is made for`;
  const size = (given: number | string | null | undefined, requested: number | undefined, axis: string): number => {
    if (typeof given === "number" && given > MAX_SIDE)
      throw new DataError(`${file.where}: expected images of at most ${MAX_SIDE} pixels a side, got ${shownInput(input)}`);
    if (typeof given === "number" && given > 0) {
      if (requested !== undefined && requested !== given)
        throw new ConfigError(`--image-size: expected ${axis} ${given}, ${source}, got ${requested}`);
      return given;
    }
    if (requested !== undefined) return requested;
    return USUAL_SIDE;
  };
  if (!isChannels(channels))
    throw new ConfigError(
      `${file.where}: expected images of 1 or 3 channels, got ${shownInput(input)}${channelsRemedy(input, options.shape)}`,
    );
  return { shape: [channels as number, size(height, asked, "height"), size(width, wide, "width")], layout };
}

/** Says how the number of channels is given where the file leaves it free. */
function channelsRemedy(input: ValueInfoProto, shape: GraphOptions["shape"]): string {
  const [, name] = freeAxes(input);
  return name === undefined || shape === undefined ? "" : `; give their number by --shape ${name}=3`;
}

/** The side of images where a file leaves height and width free. */
const USUAL_SIDE = 224;

const numbersOf = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.every((v) => typeof v === "number" && Number.isFinite(v)) ? (value as number[]) : undefined;

/** Reads the scale from Hugging Face's `preprocessor_config.json`. */
function scaleBeside(config: Json | undefined, channels: number, layout: PixelScale["layout"]): PixelScale | undefined {
  if (config === undefined || !isRecord(config)) return undefined;
  const [mean, deviation] = [numbersOf(config["image_mean"]), numbersOf(config["image_std"])];
  const factor = typeof config["rescale_factor"] === "number" ? config["rescale_factor"] : 1 / 255;
  if (mean === undefined || deviation === undefined || config["do_normalize"] === false)
    return config["do_rescale"] === true ? pixelScale({ ...(PIXEL_SCALES["0..1"] as PixelScale) }, channels, layout) : undefined;
  return pixelScale({ maximum: Math.round(1 / factor), mean, deviation, colors: "RGB" }, channels, layout);
}

/** Reads the scale from a file's metadata: our own, and WinML's (`Image.NominalPixelRange`). */
function scaleOfMetadata({ metadata }: ModelProto, channels: number, layout: PixelScale["layout"]): PixelScale | undefined {
  const colors = metadata.get("Image.BitmapPixelFormat")?.startsWith("Bgr") === true ? "BGR" : "RGB";
  const range = metadata.get("Image.NominalPixelRange");
  const named = { NominalRange_0_255: "0..255", Normalized_0_1: "0..1", Normalized_1_1: "-1..1" }[range ?? ""];
  if (named === undefined) return undefined;
  return pixelScale({ ...(own(PIXEL_SCALES, named) as PixelScale), colors }, channels, layout);
}

/** The values of a constant that a node reads. */
function constantOf(graph: GraphProto, name: string): Float32Array | undefined {
  const node = graph.nodes.find((other) => other.opType === "Constant" && other.outputs.includes(name));
  const value = node?.attributes.find((a) => a.name === "value")?.value as TensorProto | undefined;
  const tensor = graph.initializers.find((other) => other.name === name) ?? value;
  if (tensor === undefined || tensor.dataType !== 1) return undefined;
  const bytes = tensor.rawData.slice();
  return new Float32Array(bytes.buffer, 0, Math.floor(bytes.byteLength / 4));
}

/** Finds the range from which a graph itself scales its pixels at its start; undefined where it begins with something else. */
function ownScaling(graph: GraphProto, input: string): "0..1" | "0..255" | undefined {
  let name = input;
  let found: "0..1" | undefined;
  for (let node = reader(graph, name); node !== undefined; node = reader(graph, name)) {
    if (/^(Sub|Div|Mul|Add)$/.test(node.opType)) {
      const other = node.inputs.find((operand) => operand !== name) ?? "";
      const values = constantOf(graph, other);
      if (values === undefined) return found;
      const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const isLarge = node.opType === "Mul" ? largest < 0.05 : largest > 4;
      if (isLarge) return "0..255";
      found = "0..1";
    } else if (!/^(Cast|Transpose|Identity)$/.test(node.opType)) return found;
    name = node.outputs[0] as string;
  }
  return found;
}

/** The one node that reads a value, if it is one. */
function reader(graph: GraphProto, name: string): NodeProto | undefined {
  const readers = graph.nodes.filter((node) => node.inputs.includes(name) && node.opType !== "Shape");
  return readers.length === 1 ? readers[0] : undefined;
}

/** Finds the pixels that a file expects: as given, from its metadata, or guessed; and says which. */
function scaleOf(file: GraphFile, channels: number, layout: PixelScale["layout"], preprocess?: string): [PixelScale, string] {
  if (preprocess !== undefined) return [parsePixelScale(preprocess, channels, layout), "as --preprocess says"];
  const beside = scaleBeside(file.beside["preprocessor_config.json"], channels, layout);
  if (beside !== undefined) return [beside, "by preprocessor_config.json"];
  const told = scaleOfMetadata(file.model, channels, layout);
  if (told !== undefined) return [told, "by its metadata"];
  const guessed = (name: string): PixelScale => pixelScale(own(PIXEL_SCALES, name) as PixelScale, channels, layout);
  const input = imageInput(file);
  const scaled = input.elementType === UINT8 ? "0..255" : ownScaling(file.model.graph, input.name);
  if (scaled !== undefined)
    return [guessed(scaled), `guessed, since the graph scales ${scaled} itself; --preprocess says otherwise`];
  const usual = channels === 3 ? "imagenet" : "0..1";
  return [guessed(usual), `guessed (${usual}), since the file does not say; --preprocess says otherwise`];
}

function plan(file: GraphFile, options: GraphOptions): GraphPlan {
  const { shape, layout } = geometry(file, options);
  const [scale, source] = scaleOf(file, shape[0] as number, layout, options.preprocess);
  const { maximum, colors } = scale;
  // As fractions of white, whatever number white has in the data.
  const fraction = (values: readonly number[]): number[] => values.map((v) => (v * maximum) / WHITE);
  const [channels, height, width] = shape;
  return {
    info: {
      mean: fraction(scale.mean),
      deviation: fraction(scale.deviation),
      graph: { inputs: { image: imageInput(file).name }, layout: scale.layout, colors },
    },
    loading: { imageShape: shape },
    notes: [
      `${file.where}: ${width}×${height} pixels of ${channels === 1 ? "grey" : colors}, scaled ${formatPixelScale(scale)}: ${source}`,
    ],
  };
}

export const imageGraph: GraphUse<ImageInfo & { readonly graph?: GraphInfo }> = {
  plan,
  shapes: ({ imageShape, graph }) => {
    const [channels = 3, height = 1, width = 1] = imageShape;
    const one = graph?.layout === "NHWC" ? [1, height, width, channels] : [1, channels, height, width];
    return { [graph?.inputs["image"] ?? "image"]: one };
  },
  outFeatures: ({ classes }) => classes.length,
  wrap: (module, { graph }) => new ImageGraph(module, graph as GraphInfo),
};
