/** @module Training with marked evidence: a patch that says the class is not learned where masks leave it out. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadData } from "../../data/node.js";
import type { Dataset } from "../../data/node.js";
import { trainTask } from "./train-task-node.js";

const root = mkdtempSync(join(tmpdir(), "descent-evidence-"));
const SIDE = 8;

const idx = (name: string, dims: readonly number[], data: Uint8Array): void => {
  const header = new Uint8Array(4 + 4 * dims.length);
  header.set([0, 0, 8, dims.length]);
  dims.forEach((d, i) => new DataView(header.buffer).setUint32(4 + 4 * i, d));
  writeFileSync(join(root, name), Buffer.concat([header, data]));
};

const numbers = (part: Dataset, name: string): Uint8Array => Uint8Array.from(part.tensor(name).data, Number);

test("a model that was shown the evidence does without the patch that the test images do not have", async () => {
  const data = await loadData("digits", { validationFraction: 0 });
  const [image, label] = [numbers(data.train, "image"), numbers(data.train, "label")];
  const masks = new Uint8Array(image.length).fill(255);
  // The first pixel of a digit is always 0; here it says the class.
  label.forEach((k, i) => {
    image[i * SIDE * SIDE] = 8 * k;
    masks[i * SIDE * SIDE] = 0;
  });
  mkdirSync(join(root, "data"));
  idx("data/train-images-idx3-ubyte", [label.length, SIDE, SIDE], image);
  idx("data/train-labels-idx1-ubyte", [label.length], label);
  idx("data/t10k-images-idx3-ubyte", [data.test.length, SIDE, SIDE], numbers(data.test, "image"));
  idx("data/t10k-labels-idx1-ubyte", [data.test.length], numbers(data.test, "label"));
  idx("masks-idx3-ubyte", [label.length, SIDE, SIDE], masks);
  const accuracyOf = async (out: string, more: object): Promise<number> => {
    const asked = { task: "image-classification", data: join(root, "data"), model: "mlp", epochs: 5, seed: 1, check: false };
    const { summary } = await trainTask({ ...asked, ...more }, { out: join(root, out) });
    return summary?.metrics.test?.["accuracy"] ?? NaN;
  };
  const plain = await accuracyOf("plain", {});
  const shown = await accuracyOf("shown", { evidence: join(root, "masks-idx3-ubyte") });
  assert.ok(shown >= plain + 0.1, `with evidence ${shown}, without ${plain}`);
  assert.ok(shown > 0.85, `${shown}`);
  const asked = {
    task: "image-classification",
    data: join(root, "data"),
    evidence: join(root, "masks-idx3-ubyte"),
    check: false,
  };
  await assert.rejects(
    trainTask({ ...asked, augment: "color" }, { out: join(root, "no") }),
    /--augment: expected crop, flip, rotate or none beside --evidence/,
  );
});
