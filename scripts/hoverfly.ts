/**
 * @module One photo, two answers: `node dist/scripts/hoverfly.js MODEL daisy.jpg [--samples N] [--out FOLDER]` asks EfficientNet-Lite0, which calls a daisy with a hoverfly on it a fly,
 * why "fly" and why "daisy". Prints which share of each method's positive attributions lies within the insect, within its box, and on the flower around the insect,
 * beside their shares of the area; with --out, draws the page of `descent explain` for each answer.
 *
 * Source: of the share within a box, Wang et al., Score-CAM, 2020, section 4.3 (energy-based pointing game), arXiv:1910.01279.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import type { MethodName } from "../src/explain/index.js";
import { toNumbers } from "../src/graph/index.js";
import { explainInputs } from "../src/tasks/explaining/explain-node.js";
import type { Explanation } from "../src/tasks/explaining/explain-node.js";
import { pageOf } from "../src/tasks/explaining/page-node.js";
import { readInputs } from "../src/tasks/use/examples-node.js";
import { openModel } from "../src/tasks/use/open-node.js";

/** Outlines in the photo's own pixels, drawn by hand: body, wings and legs of the insect; petals and disc of the flower. */
const OUTLINES = {
  insect: "124,22 142,26 160,72 158,118 180,162 166,178 130,186 112,160 64,162 64,94 104,94 130,110",
  box: "64,22 180,22 180,186 64,186",
  flower: "0,62 44,48 62,70 84,48 116,62 122,78 156,66 204,104 236,138 246,182 226,204 228,232 0,232",
};
const ANSWERS = ["fly", "daisy"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { samples: { type: "string" }, out: { type: "string" } },
});
const [file, photo] = positionals;
const { out } = values;
if (file === undefined || photo === undefined) {
  console.error("usage: node dist/scripts/hoverfly.js MODEL daisy.jpg [--samples N] [--out FOLDER]");
  process.exit(2);
}
const opened = await openModel(file, { threads: 2 });
await using model = opened.model;
const folder = mkdtempSync(join(tmpdir(), "descent-hoverfly-"));

/** Whether each pixel, as the model sees it, is within the outline: a picture of it goes the way of the photo. */
async function region(name: keyof typeof OUTLINES): Promise<boolean[]> {
  const { width, height } = await sharp(photo).metadata();
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%"/><polygon points="${OUTLINES[name]}" fill="#fff"/></svg>`;
  const drawn = join(folder, `${name}.png`);
  writeFileSync(drawn, await sharp(Buffer.from(svg)).png().toBuffer());
  const pixels = toNumbers((await readInputs(model, [drawn], {})).examples.tensor("image"));
  const plane = pixels.length / 3;
  return Array.from({ length: plane }, (_, i) => (pixels[i] as number) > 127);
}

/**
 * The share of positive attributions within a region. Of a method of superpixels the value of each is that of all its pixels together: a pixel has its
 * part of it, or large superpixels would count by their size.
 */
function shareIn({ values: given, example: { parts } }: Explanation, isWithin: readonly boolean[]): number {
  let [within, all] = [0, 0];
  const sizes = new Map<number, number>();
  for (const part of parts?.partOf ?? []) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  const values = parts?.partOf === undefined ? given : given.map((v, i) => v / (sizes.get(parts.partOf?.[i] as number) ?? 1));
  for (const [i, v] of values.entries()) {
    all += Math.max(v, 0);
    if (isWithin[i % isWithin.length] === true) within += Math.max(v, 0);
  }
  return within / all;
}

const insect = await region("insect");
const regions = [insect, await region("box"), (await region("flower")).map((isFlower, i) => isFlower && insect[i] !== true)];
const inputs = await readInputs(model, [photo], {});
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const area = (isWithin: readonly boolean[]): string => percent(isWithin.filter(Boolean).length / isWithin.length);
const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`);
line("answer", "method", "within the insect", "within its box", "on the flower around it");
line("---", "---", "---:", "---:", "---:");
line("", "share of the area", ...regions.map(area));
for (const target of ANSWERS) {
  const found: Explanation[] = [];
  const ask = async (methods: readonly MethodName[], settings: object = {}): Promise<void> => {
    const { explanations } = await explainInputs(model, inputs, {
      methods,
      question: { run: file, target },
      seed: 1,
      ...settings,
    });
    for (const one of explanations) {
      found.push(one);
      const name = one.settings.of === undefined ? one.method : `${one.method} of ${one.settings.of}`;
      line(target, `\`${name}\``, ...regions.map((isWithin) => percent(shareIn(one, isWithin))));
    }
  };
  await ask(["grad-cam"]);
  await ask(["smooth-grad"], { of: "integrated-gradients", signed: true });
  const samples = values.samples === undefined ? {} : { samples: Number(values.samples) };
  for (const method of ["kernel-shap", "partition-shap", "lime"] as const) await ask([method], samples);
  if (out === undefined) continue;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, `${target}.html`), await pageOf(file, found, [], "en"));
}
