/** @module Near duplicates that a model sees, held against cosines of its features that are computed one by one. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { cleanData } from "../../src/data/clean/clean-node.js";
import { toNumbers } from "../../src/graph/index.js";
import { findSimilarBy } from "../../src/label/similar-images-node.js";
import { TrainedModel } from "../../src/tasks/node.js";
import { givenInputs } from "../../src/tasks/use/given-inputs-node.js";
import { keptRuns, unpack } from "../kept-runs.js";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "descent-similar-"));
  for (const task of ["image-classification", "text-classification"]) {
    const kept = keptRuns().find((run) => (run.name ?? run.task) === task);
    assert.ok(kept !== undefined);
    await mkdir(join(folder, task));
    unpack(kept, join(folder, task));
  }
  await mkdir(join(folder, "pictures"));
  const bar = (x: number, y: number, width: number, height: number): string =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/><rect x="${x}" y="${y}" width="${width}" height="${height}" fill="#fff"/></svg>`;
  for (const [name, svg] of [
    ["a.png", bar(28, 4, 8, 56)],
    ["b.png", bar(29, 6, 9, 50)],
    ["c.png", bar(4, 28, 56, 8)],
    ["d.png", bar(8, 8, 48, 48)],
  ] as const)
    await sharp(Buffer.from(svg))
      .png()
      .toFile(join(folder, "pictures", name));
  await writeFile(join(folder, "pictures", "broken.png"), "not an image");
});
after(() => rm(folder, { recursive: true, force: true }));

/** Cosines of all pairs of the four pictures, by their names. */
async function cosines(run: string): Promise<Map<string, number>> {
  const { model } = await TrainedModel.open(run);
  await using _ = model;
  const rows: Float64Array[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    const { examples } = await givenInputs(model, [await readFile(join(folder, "pictures", `${name}.png`))], {
      maxMegapixels: 1,
    });
    await model.features(examples, (features) => void rows.push(toNumbers(features)));
  }
  const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  const found = new Map<string, number>();
  for (const [i, x] of rows.entries())
    for (const [j, y] of rows.entries())
      if (j > i) found.set(`${"abcd"[i]}${"abcd"[j]}`, dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)));
  return found;
}

test("pairs above the threshold, and only those, are near duplicates", async () => {
  const run = join(folder, "image-classification", "run");
  const expected = await cosines(run);
  const [most, next] = [...expected.values()].sort((x, y) => y - x) as [number, number];
  assert.equal(expected.get("ab"), most);
  const threshold = (most + next) / 2;
  const pictures = join(folder, "pictures");
  const report = await cleanData(pictures, { mostBits: -1, findSimilar: findSimilarBy({ model: run, threshold }) });
  assert.deepEqual(
    report.findings.map(({ kind, file, of }) => [kind, file, of?.file]),
    [
      ["broken", "broken.png", undefined],
      ["near-duplicate", "b.png", "a.png"],
    ],
  );
  assert.ok(Math.abs((report.findings[1]?.similarity ?? 0) - most) < 1e-5);
  const all = await cleanData(pictures, { mostBits: -1, findSimilar: findSimilarBy({ model: run, threshold: -1 }) });
  assert.equal(all.after, 1);
});

test("a model of texts is refused", async () => {
  const model = join(folder, "text-classification", "run");
  const findSimilar = findSimilarBy({ model, threshold: 0.9 });
  await assert.rejects(cleanData(join(folder, "pictures"), { findSimilar }), /expected a model of images, got one of texts/);
});
