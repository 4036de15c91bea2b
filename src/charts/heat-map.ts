/** @module An image, and over it where attribution lies: the colour of each pixel by its value, with a legend. */
import type { ChartOptions, Bilingual } from "./frame.js";
import { escapeXml, short, svgLabel, svgRoot, textAt } from "./frame.js";
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
  /** One value a pixel, row by row; several maps stand side by side. */
  readonly maps: readonly { readonly attribution: ArrayLike<number>; readonly label: Bilingual }[];
  /** Opacity of the colour where attribution is greatest, 0…1. */
  readonly opacity?: number;
  readonly boxes?: readonly HeatMapBox[];
}

const PADDING = 12;

/** The image, then each map over it. Maps have a legend each, since methods have units of their own. */
export async function heatMapChart(options: HeatMapOptions): Promise<string> {
  const { image, maps, boxes = [], language, opacity } = options;
  const side = options.width ?? 320;
  const factor = side / Math.max(image.width, image.height);
  const [wide, high] = [image.width * factor, image.height * factor];
  const sharp = factor > 3 ? ' style="image-rendering:pixelated"' : "";
  const picture = (png: Uint8Array, i: number): string =>
    `<image x="${short(PADDING + i * (wide + PADDING))}" y="26" width="${short(wide)}" height="${short(high)}"${sharp} href="${pngDataUrl(png)}"/>`;
  const overlays = await Promise.all(
    maps.map(async ({ attribution, label }, i) => {
      const x = PADDING + (i + 1) * (wide + PADDING);
      const { scale, signed } = attributionScale(attribution, image.width * image.height);
      return (
        picture(await attributionPng(image, attribution, opacity), i + 1) +
        textAt(x, 17, svgLabel(label, language)) +
        colorLegend({ scale, signed, x, y: 26 + high + 8, width: wide, id: `heat-map-${i}` }) +
        boxes.map((box) => outline(box, x, factor)).join("")
      );
    }),
  );
  const outlined = boxes.map((box) => outline(box, PADDING, factor)).join("");
  const named = boxes.flatMap(({ label }) => (label === undefined ? [] : [label])).join(" · ");
  const body = textAt(PADDING, 17, escapeXml(named)) + picture(await imagePng(image), 0) + outlined + overlays.join("");
  const width = PADDING + (maps.length + 1) * (wide + PADDING);
  return svgRoot(body, { ...options, width, height: 26 + high + 8 + LEGEND_HEIGHT });
}

const outline = ({ left, top, width, height }: HeatMapBox, x: number, factor: number): string =>
  `<rect x="${short(x + left * factor)}" y="${short(26 + top * factor)}" width="${short(width * factor)}" height="${short(height * factor)}" class="s3" fill="none" stroke-width="2"/>`;
