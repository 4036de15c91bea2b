import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Random } from "../util/random.js";
import { findLabelIssues } from "./label-issues-node.js";
import { labelPage } from "./label-page.js";

let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "labels-"))));
after(() => rm(folder, { recursive: true, force: true }));

test("labels flipped on purpose are among the first that are suggested", async () => {
  const random = new Random(5, "reviews");
  const good = ["great", "lovely", "fine", "warm", "clean", "friendly"];
  const bad = ["awful", "dirty", "cold", "rude", "broken", "noisy"];
  const some = ["room", "hotel", "staff", "night", "breakfast", "city", "stay", "view"];
  const pick = (list: readonly string[]): string => list[random.integer(list.length)] as string;
  const flipped = new Set<number>();
  const lines = Array.from({ length: 240 }, (_, i) => {
    const isGood = i % 2 === 0;
    const text = [pick(some), pick(isGood ? good : bad), pick(some), pick(isGood ? good : bad), pick(some), `<b>${i}</b>`].join(
      " ",
    );
    if (i % 10 === 3) flipped.add(i + 1);
    return `"${text}",${isGood !== flipped.has(i + 1) ? "good" : "bad"}`;
  });
  await writeFile(join(folder, "reviews.csv"), `text,label\n${lines.join("\n")}\n`);
  const { report, found } = await findLabelIssues(join(folder, "reviews.csv"), { folds: 3 });
  assert.equal(report.examples, 240);
  const rowOf = (text: string): number => Number(/<b>(\d+)<\/b>/.exec(text)?.[1]) + 1;
  const first = report.issues.slice(0, flipped.size);
  const hits = first.filter(({ shown }) => flipped.has(rowOf(shown))).length;
  assert.ok(hits >= 0.8 * flipped.size, `${hits} of ${flipped.size}`);
  assert.ok(first.every(({ given, suggested }) => given !== suggested));
  for (let i = 0; i < found.labels.length; i++) {
    const sum = found.probabilities.subarray(i * 2, i * 2 + 2).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - 1) < 1e-9);
  }
  assert.ok(!labelPage(report).includes("<b>3</b>"), "texts are no markup");
});
