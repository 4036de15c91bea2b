/**
 * @module Traditional models of images, over histograms of oriented gradients; over the pixels where images are small.
 */
import type { Method, Rows } from "../../classical/index.js";
import { denseMatrix, hog, METHODS, plainModel } from "../../classical/index.js";
import type { Dataset } from "../../data/index.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { input, symbol, toNumbers } from "../../graph/index.js";
import { compile } from "../../runtime/index.js";
import type { Design } from "../shared/fitted.js";
import { fittedMethod, targetOf } from "../shared/fitted.js";
import type { FitData, FittedChoice } from "../task.js";
import type { ImageInfo } from "./images.js";

/** Smaller images have too few edges. */
const LEAST_SIDE = 16;
/** Images whose features are computed at once. */
const AT_ONCE = 256;

const isLarge = ({ imageShape: [, height = 1, width = 1] }: ImageInfo): boolean => Math.min(height, width) >= LEAST_SIDE;

const featuresOf = (image: Tensor, info: ImageInfo): Tensor => (isLarge(info) ? hog(image) : image.flatten());

/** Features of scaled pixels [N, C, H, W] as rows. */
async function rowsOf({ shape: [count = 0, ...shape], data }: TensorData, info: ImageInfo): Promise<Float32Array> {
  const image = input("image", [symbol("N"), ...shape]);
  await using session = await compile({ x: featuresOf(image, info) });
  const pixels = Float32Array.from(toNumbers({ dtype: "float32", shape: [count, ...shape], data }));
  const size = pixels.length / Math.max(1, count);
  let all = new Float32Array();
  for (let from = 0; from < count; from += AT_ONCE) {
    const to = Math.min(count, from + AT_ONCE);
    const batch: TensorData = { dtype: "float32", shape: [to - from, ...shape], data: pixels.slice(from * size, to * size) };
    const { x } = await session.call({ image: batch });
    const rows = toNumbers(x as TensorData);
    if (all.length === 0) all = new Float32Array((rows.length / (to - from)) * count);
    all.set(rows, (rows.length / (to - from)) * from);
  }
  return all;
}

async function designOf({ info, train, validation, features }: FitData<ImageInfo>, _method: Method): Promise<Design> {
  const rows = async (part: Dataset): Promise<Rows> => {
    const values = await rowsOf(await features(part), info);
    return { x: denseMatrix(values, values.length / Math.max(1, part.length)), target: targetOf(part, info.classes.length) };
  };
  const image = input("image", [symbol("N"), ...info.imageShape]);
  const fitted = await rows(train);
  const kind = isLarge(info) ? "histograms of oriented gradients" : "pixels";
  return {
    train: fitted,
    validation: await rows(validation),
    file: plainModel({ x: featuresOf(image, info) }, [image]),
    inputs: { image: "image" },
    notes: [`${fitted.x.columns} features: ${kind}`],
  };
}

export const FITTED_IMAGES: readonly FittedChoice<ImageInfo>[] = METHODS.map((method) => fittedMethod(method, designOf));
