/**
 * @module `npm run wrong-labels -- DATA [--model NAME] [--folds N] [--epochs N]`: a tenth of the labels of a data set flipped by a fixed seed to another class, and the share of these among the
 * first tenth that `descent data labels` suggests.
 */
import { parseArgs } from "node:util";
import type { LabelScore } from "../src/label/confident-learning.js";
import { labelScores } from "../src/label/confident-learning.js";
import { crossValidate } from "../src/label/cross-validate-node.js";
import { Random } from "../src/util/random.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: { type: "string" }, folds: { type: "string", default: "5" }, epochs: { type: "string" } },
});
const SHARE = 0.1;
let flipped = new Uint8Array();

function flip(labels: Int32Array, classes: number): Int32Array {
  const random = new Random(7, "flip");
  const changed = labels.slice();
  flipped = new Uint8Array(labels.length);
  for (const i of random.permutation(labels.length).slice(0, Math.round(labels.length * SHARE))) {
    flipped[i] = 1;
    changed[i] = ((labels[i] as number) + 1 + random.integer(classes - 1)) % classes;
  }
  return changed;
}

const found = await crossValidate(
  positionals[0] ?? "sst2",
  {
    folds: Number(values.folds),
    seed: 1,
    relabel: flip,
    ...(values.model === undefined ? {} : { model: values.model }),
    ...(values.epochs === undefined ? {} : { epochs: Number(values.epochs) }),
  },
  { note: console.error, onFold: (done, folds) => console.error(`fold ${done} of ${folds}`) },
);
const all = flipped.reduce((a, b) => a + b, 0);
for (const score of ["self-confidence", "normalized-margin", "confidence-weighted-entropy"] satisfies LabelScore[]) {
  const scores = labelScores({ labels: found.labels, probabilities: found.probabilities, classes: found.classes.length }, score);
  const first = Array.from(scores.keys())
    .sort((a, b) => (scores[a] as number) - (scores[b] as number))
    .slice(0, Math.round(scores.length * SHARE));
  const hits = first.filter((i) => flipped[i] === 1).length;
  console.log(JSON.stringify({ data: found.name, model: found.model, score, flipped: all, found: hits, share: hits / all }));
}
