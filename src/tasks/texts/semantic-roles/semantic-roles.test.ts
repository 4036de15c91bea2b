import assert from "node:assert/strict";
import { test } from "node:test";
import { labelledTexts, parsePropositions } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import { predicateFeatures } from "../../../text/index.js";
import { rolesSvg } from "./picture.js";
import { RolesMeasurement, semanticRoles } from "./semantic-roles.js";
import { goldSpans } from "../tagging.js";

const row = (id: number, word: string, frame: string, ...roles: string[]): string =>
  [id, word, "_", "_", "_", "_", 0, "_", "_", "_", frame, ...roles].join("\t");
const sentence = [
  row(1, "Ann", "_", "ARG0", "_"),
  row(2, "told", "tell.01", "_", "_"),
  row(3, "Bob", "_", "ARG2", "ARG0"),
  row(4, "to", "_", "_", "_"),
  row(5, "sing", "sing.01", "ARG1", "_"),
].join("\n");
const { texts } = parsePropositions(`${sentence}\n\n`, "example");
const data = labelledTexts(texts);
const loaded = { name: "example", train: data, validation: data, test: data } as LoadedData;
const settings = { seed: 1, ignore: [], model: "bilstm-crf" };

test("a sentence is a row for finding predicates, and one for each predicate's arguments", async () => {
  const { info, test: rows, notes } = await semanticRoles.prepare(loaded, settings);
  assert.deepEqual(info.labels, ["ARG0", "ARG1", "ARG2", "V"]);
  assert.deepEqual(info.tags, ["O", "S-ARG0", "S-ARG1", "S-ARG2", "S-V"]);
  assert.deepEqual([...rows.tensor("predicate").data], [-1, 1, 4]);
  assert.deepEqual(goldSpans(rows.batch(), 2, info.labels), [{ start: 2, end: 3, label: "ARG0" }]);
  assert.deepEqual(
    goldSpans(rows.batch(), 0, info.labels).map(({ start, label }) => [start, label]),
    [
      [1, "V"],
      [4, "V"],
    ],
  );
  assert.deepEqual(notes, ["2 predicates in 1 sentences, 3 roles"]);
});

test("predicates and arguments are measured apart; a predicate's label is no role", async () => {
  const { info, test: rows } = await semanticRoles.prepare(loaded, settings);
  // Every row gets the same tags: V at the first predicate, ARG0 at the first word.
  const tags = ["S-ARG0", "S-V", "O", "O", "O"].map((tag) => info.tags.indexOf(tag));
  const measurement = new RolesMeasurement(info);
  const found = { dtype: "int32", shape: [3, 5], data: Int32Array.from([...tags, ...tags, ...tags]) } as const;
  measurement.update({ tags: found }, rows.batch());
  const { precision, recall, predicateF1 } = measurement.result();
  // Found: ARG0 at word 0 for both predicates, of which one is right; true: 3 + 1 arguments. Predicates: one of two.
  assert.deepEqual([precision, recall], [1 / 2, 1 / 4]);
  assert.ok(Math.abs((predicateF1 as number) - 2 / 3) < 1e-12);
});

test("features tell the predicate, its side and its distance, and are as many without one", () => {
  const words = ["Ann", "told", "Bob"];
  const [before, at, after] = predicateFeatures(words, 1) as [string[], string[], string[]];
  assert.ok(before.includes("-1") && before.includes("- told") && before.includes("ann told"));
  assert.ok(at.includes("+0") && at.includes("= told"));
  assert.ok(after.includes("+1"));
  assert.ok(predicateFeatures(words).every((features) => features.length === before.length));
});

test("a file without propositions is refused", () => {
  const bare = labelledTexts([{ text: "Ann sings" }]);
  assert.throws(
    () => void semanticRoles.prepare({ ...loaded, train: bare }, settings),
    /^DataError: example: expected propositions/,
  );
});

test("the picture: a band for each predicate, an arc for each argument, whatever the words hold", () => {
  const svg = rolesSvg(
    ["<Ann>", "told", "Bob"],
    [
      {
        predicate: 1,
        arguments: [
          { start: 0, end: 1, label: "ARG0" },
          { start: 2, end: 3, label: "ARG2" },
        ],
      },
      { predicate: 1, arguments: [] },
    ],
    ["ARG0", "ARG1", "ARG2"],
  );
  assert.equal(svg.match(/<path/g)?.length, 2);
  assert.equal(svg.match(/>told</g)?.length, 2);
  assert.ok(svg.includes("&lt;Ann&gt;") && svg.includes(">ARG0<") && !svg.includes("<Ann>"));
  assert.ok(!svg.includes("NaN"));
  assert.equal(rolesSvg(["nothing"], [], []).match(/<path/g), null);
});
