/**
 * @module The pixels that an imported model expects: their scale, the order of channels and axes. Given with `--preprocess`, by
 * a file's metadata, or guessed.
 */
import { ConfigError } from "../util/errors.js";

/** Pixels as a model takes them: (x / maximum − mean) / deviation, per channel. */
export interface PixelScale {
  readonly maximum: number;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  readonly layout: "NCHW" | "NHWC";
  readonly colors: "RGB" | "BGR";
}

type Scaling = Omit<PixelScale, "layout">;

const plain = (maximum: number, mean: number, deviation: number): Scaling => ({
  maximum,
  mean: [mean],
  deviation: [deviation],
  colors: "RGB",
});

/** The scalings that have a name. */
export const PIXEL_SCALES: Readonly<Record<string, Scaling>> = {
  /** torchvision's and timm's, over RGB in 0…1. */
  imagenet: { maximum: 255, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225], colors: "RGB" },
  "0..1": plain(255, 0, 1),
  "-1..1": plain(255, 0.5, 0.5),
  "0..255": plain(1, 0, 1),
  /** VGG's in Caffe: BGR, the mean taken off. */
  caffe: { maximum: 1, mean: [103.939, 116.779, 123.68], deviation: [1, 1, 1], colors: "BGR" },
};

/** One number for each channel. */
function perChannel(values: readonly number[], channels: number, where: string): readonly number[] {
  if (values.length === channels) return values;
  if (values.length === 1) return Array.from({ length: channels }, () => values[0] as number);
  // A grey image has the mean of the three colours.
  if (channels === 1) return [values.reduce((sum, v) => sum + v, 0) / values.length];
  throw new ConfigError(`${where}: expected 1 or ${channels} numbers, one a channel, got ${values.length}`);
}

/** A scaling for a number of channels. */
export function pixelScale(scaling: Scaling, channels: number, layout: PixelScale["layout"], where = "preprocess"): PixelScale {
  return {
    ...scaling,
    mean: perChannel(scaling.mean, channels, where),
    deviation: perChannel(scaling.deviation, channels, where),
    layout,
  };
}

const numbers = (text: string, where: string): number[] =>
  text.split(",").map((part) => {
    const value = Number(part);
    if (part.trim() === "" || !Number.isFinite(value)) throw new ConfigError(`${where}: expected numbers, got "${part}"`);
    return value;
  });

/**
 * Reads `--preprocess`: a name of PIXEL_SCALES, or `mean=127;std=128`, one number or one a channel, in units of `max` (255 makes them 0…1; left out,
 * the pixels' own 0…255); `colors=BGR` and `layout=NHWC` besides, also behind a name: `imagenet;colors=BGR`.
 *
 * Errors: ConfigError that names what was not understood.
 */
export function parsePixelScale(text: string, channels: number, layout: PixelScale["layout"]): PixelScale {
  const where = "--preprocess";
  let scaling: Scaling = plain(1, 0, 1);
  let order = layout;
  for (const part of text.split(";").map((piece) => piece.trim())) {
    const [, key = "", value = ""] = /^(\w+)=(.+)$/.exec(part) ?? [];
    const named = Object.hasOwn(PIXEL_SCALES, part) ? PIXEL_SCALES[part] : undefined;
    if (named !== undefined) scaling = named;
    else if (key === "mean") scaling = { ...scaling, mean: numbers(value, `${where}: mean`) };
    else if (key === "std") scaling = { ...scaling, deviation: numbers(value, `${where}: std`) };
    else if (key === "max") scaling = { ...scaling, maximum: numbers(value, `${where}: max`)[0] as number };
    else if (key === "colors" && (value === "RGB" || value === "BGR")) scaling = { ...scaling, colors: value };
    else if (key === "layout" && (value === "NCHW" || value === "NHWC")) order = value;
    else
      throw new ConfigError(
        `${where}: expected ${Object.keys(PIXEL_SCALES).join(", ")}, or mean=…;std=…;max=…;colors=RGB|BGR;layout=NCHW|NHWC, got "${part}"`,
      );
  }
  if (scaling.deviation.some((d) => d <= 0) || scaling.maximum <= 0)
    throw new ConfigError(`${where}: expected std and max above 0, got ${text}`);
  return pixelScale(scaling, channels, order, where);
}

/** A scale as a person reads it, and `parsePixelScale` too. */
export function formatPixelScale({ maximum, mean, deviation, layout, colors }: PixelScale): string {
  const same = (values: readonly number[]): string =>
    (values.every((v) => v === values[0]) ? values.slice(0, 1) : values).join(",");
  return [
    `mean=${same(mean)};std=${same(deviation)}`,
    ...(maximum === 1 ? [] : [`max=${maximum}`]),
    ...(colors === "RGB" ? [] : [`colors=${colors}`]),
    ...(layout === "NCHW" ? [] : [`layout=${layout}`]),
  ].join(";");
}
