/**
 * @module Pictures of a data set for people, in a report: some images of each class, and what random changes make of them.
 */
import { imageBatch } from "../../data/images/batch-node.js";
import type { Dataset } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import { elementAt } from "../../graph/index.js";
import type { Bilingual } from "../../charts/charts.js";
import { escapeXml } from "../../charts/charts.js";
import { imagePng, pngDataUrl } from "../../charts/image.js";
import { both } from "../../report/words.js";
import type { Pixels } from "../../vision/index.js";
import { mixes, parseAugment, pixelsOf, resize } from "../../vision/index.js";
import type { TaskReport } from "../task-node.js";

/** The images of a sample sheet. */
export interface SampledImages {
  readonly rows: Dataset;
  readonly classes: readonly string[];
  readonly imageShape: readonly number[];
  readonly maximum: number;
  readonly mean: readonly number[];
  /** As `config.json` keeps it. */
  readonly augment: string;
  readonly seed: number;
}

const [SAMPLES_PER_CLASS, MOST_CLASSES] = [6, 12];
const [CHANGED_IMAGES, DRAWS] = [6, 5];
/** Side of a picture on the page; larger images are scaled down to it, smaller ones up, with sharp pixels. */
const SIDE = 72;

async function picture(image: Pixels, maximum: number, caption: string): Promise<string> {
  const scale = SIDE / Math.max(image.height, image.width);
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  const shown = scale < 1 ? resize(image, side(image.height), side(image.width)) : image;
  const { width, height, data } = shown;
  const png = await imagePng({ width, height, channels: image.channels === 3 ? 3 : 1, data, maximum });
  const size = `width:${side(image.width)}px;height:${side(image.height)}px`;
  const pixelated = scale > 1 ? ";image-rendering:pixelated" : "";
  return `<img alt="${escapeXml(caption)}" title="${escapeXml(caption)}" style="${size}${pixelated}" src="${pngDataUrl(png)}">`;
}

const table = (rows: readonly (readonly [label: string, pictures: readonly string[]])[], note: Bilingual): string =>
  `<p class="soft">${both(note)}</p><div style="overflow-x:auto"><table style="border-spacing:0"><tbody>${rows
    .map(
      ([label, pictures]) =>
        `<tr><th scope="row" style="text-align:left;padding-right:12px;font-weight:normal">${escapeXml(label)}</th><td style="white-space:nowrap;line-height:0"><span style="display:inline-flex;gap:4px;padding:2px 0">${pictures.join("")}</span></td></tr>`,
    )
    .join("")}</tbody></table></div>`;

/** A batch of rows as the training or the measurement sees them. */
async function seen(
  from: SampledImages,
  rows: readonly number[],
  epoch: number,
  augment?: string,
): Promise<{ image: TensorData; label: TensorData }> {
  const { imageShape, classes, maximum, mean, seed } = from;
  const batch = await imageBatch(
    from.rows,
    { indices: Uint32Array.from(rows), seed, epoch, offset: 0 },
    {
      shape: imageShape,
      classes: classes.length,
      mean: mean.map((m) => Math.round(m * maximum)),
      augment,
    },
  );
  return { image: batch["image"] as TensorData, label: batch["label"] as TensorData };
}

/** Rows of each class, at most `most`, from all over the data. */
function rowsByClass({ rows, classes }: SampledImages, most: number): number[][] {
  const label = rows.tensor("label");
  const found: number[][] = classes.map(() => []);
  for (let i = 0; i < rows.length; i++) found[elementAt(label, i)]?.push(i);
  return found.map((all) =>
    Array.from(
      { length: Math.min(most, all.length) },
      (_, k) => all[Math.floor((k * all.length) / Math.min(most, all.length))] as number,
    ),
  );
}

/** Some images of each class. */
async function sampleGrid(from: SampledImages): Promise<string> {
  const chosen = rowsByClass(from, SAMPLES_PER_CLASS).slice(0, MOST_CLASSES);
  const rows = await Promise.all(
    chosen.map(async (indices, k) => {
      const name = from.classes[k] as string;
      const { image } = await seen(from, indices, 0);
      return [name, await Promise.all(indices.map((_, i) => picture(pixelsOf(image, i), from.maximum, name)))] as const;
    }),
  );
  const shown = from.classes.length > MOST_CLASSES ? MOST_CLASSES : from.classes.length;
  return table(rows, {
    en: `Training images of ${shown} of ${from.classes.length} classes, at the size that the network gets.`,
    zh: `训练图像，${from.classes.length} 个类别中的 ${shown} 个，尺寸为网络的输入尺寸。`,
  });
}

/** Writes the label of a mixed image: `cat 70 % + dog 30 %`. */
function labelOf(label: TensorData, i: number, classes: readonly string[]): string {
  if (label.dtype !== "float32") return classes[elementAt(label, i)] ?? "";
  return classes
    .map((name, k) => [name, elementAt(label, i * classes.length + k)] as const)
    .filter(([, share]) => share > 0.005)
    .map(([name, share]) => `${name} ${(share * 100).toFixed(0)} %`)
    .join(" + ");
}

/** Images beside what random changes make of them in the first epochs. */
async function changedGrid(from: SampledImages): Promise<string> {
  const chosen = rowsByClass(from, 1).flat().slice(0, CHANGED_IMAGES);
  const plain = await seen(from, chosen, 0);
  const draws = await Promise.all(Array.from({ length: DRAWS }, (_, epoch) => seen(from, chosen, epoch, from.augment)));
  const rows = await Promise.all(
    chosen.map(async (_, i) => {
      const name = labelOf(plain.label, i, from.classes);
      const changed = draws.map(({ image, label }) => picture(pixelsOf(image, i), from.maximum, labelOf(label, i, from.classes)));
      const pictures = await Promise.all([picture(pixelsOf(plain.image, i), from.maximum, name), ...changed]);
      return [name, [...pictures.slice(0, 1), '<span style="width:8px"></span>', ...pictures.slice(1)]] as const;
    }),
  );
  const [, height = 1, width = 1] = from.imageShape;
  const isMixed = mixes(parseAugment(from.augment, { height, width }));
  return table(rows, {
    en: `The image itself, then as the network saw it in the first ${DRAWS} epochs: ${from.augment}.${isMixed ? " The label of a mixed image is in its title." : ""}`,
    zh: `最左为原图，其余为网络在前 ${DRAWS} 轮中看到的样子：${from.augment}。${isMixed ? "混合图像的标签见其标题。" : ""}`,
  });
}

/** The sections of a report that show the data. */
export async function sampleSections(from: SampledImages): Promise<NonNullable<TaskReport["sections"]>> {
  return [
    { title: { en: "The data", zh: "数据" }, html: await sampleGrid(from) },
    ...(from.augment === "none"
      ? []
      : [{ title: { en: "Random changes of training images", zh: "训练图像的随机变换" }, html: await changedGrid(from) }]),
  ];
}
