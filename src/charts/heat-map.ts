/** @module An image, and over it where attribution lies: the colour of each pixel by its value, with a legend. */
import type { ChartOptions, Bilingual } from "./frame.js";
import { short, svgLabel, svgRoot, textAt, textWidth } from "./frame.js";
import { colorLegend, LEGEND_HEIGHT } from "./legend.js";
import type { PixelImage } from "./image.js";
import { attributionPng, attributionScale, imagePng, pngDataUrl } from "./image.js";

/** A rectangle over the picture, in pixels of the image. */
export interface HeatMapBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly label?: string;
}

/** Options of a heat map: an image, and attributions of its pixels. */
export interface HeatMapOptions extends ChartOptions {
  readonly image: PixelImage;
  /** One value a pixel, row by row; several maps stand side by side, or in a grid. */
  readonly maps: readonly { readonly attribution: ArrayLike<number>; readonly label: Bilingual }[];
  /** Opacity of the colour where attribution is greatest, 0…1. */
  readonly opacity?: number;
  readonly boxes?: readonly HeatMapBox[];
}

const PADDING = 12;
/** Height of a picture's name above it. */
const NAME = 26;
/** Pictures that stand in one row; more are a grid about as wide as it is high. */
const ONE_ROW = 4;

/** A name that fits a width, with its end left out where it does not. */
function fitting(label: Bilingual, width: number): Bilingual {
  const cut = (text: string): string => {
    if (textWidth(text) <= width) return text;
    const characters = Array.from(new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text), ({ segment }) => segment);
    while (characters.length > 1 && textWidth(`${characters.join("")}…`) > width) characters.pop();
    return `${characters.join("").trimEnd()}…`;
  };
  return typeof label === "string" ? cut(label) : { en: cut(label.en), zh: cut(label.zh) };
}

/** The image, then each map over it, in a grid where they are many. Maps have a legend each, since methods have units of their own. */
export async function heatMapChart(options: HeatMapOptions): Promise<string> {
  const { image, maps, boxes = [], language, opacity } = options;
  const side = options.width ?? 320;
  const factor = side / Math.max(image.width, image.height);
  const [wide, high] = [image.width * factor, image.height * factor];
  const count = maps.length + 1;
  const columns = Math.min(count, Math.max(ONE_ROW, Math.ceil(Math.sqrt(count))));
  const [across, down] = [wide + PADDING, NAME + high + 8 + LEGEND_HEIGHT + PADDING];
  const sharp = factor > 3 ? ' style="image-rendering:pixelated"' : "";
  const cell = (i: number, name: Bilingual, png: Uint8Array): string => {
    const [x, y] = [PADDING + (i % columns) * across, Math.floor(i / columns) * down];
    return (
      `<image x="${short(x)}" y="${short(y + NAME)}" width="${short(wide)}" height="${short(high)}"${sharp} href="${pngDataUrl(png)}"/>` +
      textAt(x, y + 17, svgLabel(fitting(name, wide), language)) +
      boxes.map((box) => outline(box, x, y + NAME, factor)).join("")
    );
  };
  const overlays = await Promise.all(
    maps.map(async ({ attribution, label }, k) => {
      const i = k + 1;
      const { scale, signed } = attributionScale(attribution, image.width * image.height);
      const [x, y] = [PADDING + (i % columns) * across, Math.floor(i / columns) * down + NAME + high + 8];
      const legend = colorLegend({ scale, signed, x, y, width: wide, id: `heat-map-${k}` });
      return cell(i, label, await attributionPng(image, attribution, opacity)) + legend;
    }),
  );
  const named = boxes.flatMap(({ label }) => (label === undefined ? [] : [label])).join(" · ");
  const body = cell(0, named, await imagePng(image)) + overlays.join("");
  return svgRoot(body, {
    ...options,
    width: PADDING + columns * across,
    height: Math.ceil(count / columns) * down - PADDING,
  });
}

const outline = ({ left, top, width, height }: HeatMapBox, x: number, y: number, factor: number): string =>
  `<rect x="${short(x + left * factor)}" y="${short(y + top * factor)}" width="${short(width * factor)}" height="${short(height * factor)}" class="s3" fill="none" stroke-width="2"/>`;
