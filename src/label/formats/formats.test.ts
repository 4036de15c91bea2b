import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { ConfigError, DataError } from "../../util/errors.js";
import type { Kind } from "../scheme.js";
import { DATA_KINDS } from "../scheme.js";
import type { LabelledItem } from "./index.js";
import { convertLabels } from "./convert-node.js";
import { LABEL_FORMATS, labelFormat } from "./index.js";
import { LABEL_FORMAT_NAMES } from "./names.js";

const image = (file: string, width: number, height: number) => ({ image: { file, width, height } });

/** Items of each kind, with what formats stumble over: quotes, formulas, markup, emoji, no answer at all. */
const ITEMS: Readonly<Record<Exclude<Kind, "frames">, readonly LabelledItem[]>> = {
  "text-classes": [
    { payload: { text: '=HYPERLINK("http://x") said "no", twice' }, value: { classes: ["good"] } },
    { payload: { text: "两行\n<script>alert(1)</script>" }, value: { classes: ["good", "@bad"] } },
    { payload: { text: "-2+3" }, value: { classes: [] } },
  ],
  "image-classes": [{ payload: image("a b.jpg", 64, 48), value: { classes: ["cat"] } }],
  spans: [
    {
      payload: { text: "👍 Anna lives in Bad Homburg" },
      value: {
        spans: [
          { start: 3, end: 7, label: "PER" },
          { start: 17, end: 28, label: "LOC" },
        ],
      },
    },
    { payload: { text: "北京大学很大" }, value: { spans: [{ start: 0, end: 4, label: "ORG" }] } },
    { payload: { text: "nothing in here" }, value: { spans: [] } },
    // A sign without a width, which JavaScript counts among the blanks, at the end of a tweet's word.
    { payload: { text: "a poem Dubbz\ufeff said" }, value: { spans: [{ start: 7, end: 13, label: "PER" }] } },
  ],
  boxes: [
    {
      payload: image("one.jpg", 640, 480),
      value: {
        boxes: [
          { x: 10.5, y: 33.25, width: 100.125, height: 7, label: "red & <blue>" },
          { x: 0, y: 0, width: 640, height: 480, label: "007" },
        ],
      },
    },
    { payload: image("two.png", 333, 777), value: { boxes: [] } },
  ],
  polygons: [
    {
      payload: image("one.jpg", 640, 480),
      value: {
        polygons: [
          {
            points: [
              [1, 2],
              [30.5, 4],
              [7.25, 400],
            ],
            label: "leaf",
          },
        ],
      },
    },
  ],
};
const LABELS = ["red & <blue>", "007", "leaf"];

suite("round trips", () => {
  for (const format of LABEL_FORMATS)
    for (const kind of format.kinds) {
      if (kind === "frames") continue;
      test(`${format.name}, ${kind}`, () => {
        const texts = kind === "text-classes" && format.name === "csv";
        // One file of CoNLL joins its tokens in one way, with blanks or without.
        const groups = format.name === "conll" ? ITEMS[kind].map((item) => [item]) : [ITEMS[kind]];
        for (const items of groups) {
          const sizes = new Map(
            items.flatMap(({ payload: { image: own } }) => (own === undefined ? [] : [[own.file, own] as const])),
          );
          const files = format.write(items, LABELS);
          const again = format.read(files, {
            kind,
            sizes: new Map([...sizes].map(([file, { width, height }]) => [file, { width, height }])),
          });
          assert.deepEqual(again, items);
          assert.deepEqual(format.write(again, LABELS), files);
          if (texts)
            assert.ok(
              ![...files.values()].some((content) => /(^|,)"?[=+@-]/m.test(content.replace(/^.*\n/, ""))),
              "a cell is a formula",
            );
        }
      });
    }
});

test("spans of propositions go into a CSV", () => {
  const value = { frames: [{ predicate: { start: 5, end: 9 }, arguments: [{ start: 0, end: 4, label: "A0" }] }] };
  const items = [{ payload: { text: "Anna came" }, value }];
  const csv = labelFormat("csv");
  assert.deepEqual(csv.read(csv.write(items, []), { kind: "frames" }), items);
  assert.ok(Object.keys(DATA_KINDS).every((kind) => csv.kinds.includes(kind as Kind)));
});

const COCO = (segmentation: string): string =>
  `{"images":[{"id":1,"file_name":"a","width":9,"height":9}],"categories":[{"id":1,"name":"leaf"}],"annotations":[{"image_id":1,"category_id":1,"bbox":[1,1,2,2],"segmentation":${segmentation}}]}`;

test("outlines are taken as boxes where boxes are asked for, and said, as are points and lines", () => {
  const said: string[] = [];
  const options = { kind: "boxes", note: (text: string) => void said.push(text) } as const;
  const polygon = '<polygon label="leaf" points="1,2;30,4;7,40"/><points label="eye" points="1,2"/>';
  const xml = `<annotations><image id="0" name="a.png" width="90" height="80">${polygon}</image></annotations>`;
  assert.deepEqual(labelFormat("cvat").read(new Map([["a.xml", xml]]), options), [
    { payload: image("a.png", 90, 80), value: { boxes: [{ x: 1, y: 2, width: 29, height: 38, label: "leaf" }] } },
  ]);
  assert.deepEqual(said, ["1 shape that is a point or a line left out", "1 box taken as the rectangle around an outline"]);
});

test("names that a help page offers are those of the formats", () => {
  assert.deepEqual(
    LABEL_FORMATS.map(({ name }) => name),
    [...LABEL_FORMAT_NAMES],
  );
});

test("what a format cannot say is refused, and what it is not is named", () => {
  const overlapping = [
    {
      payload: { text: "New York City" },
      value: {
        spans: [
          { start: 0, end: 13, label: "A" },
          { start: 4, end: 8, label: "B" },
        ],
      },
    },
  ];
  const inside = [{ payload: { text: "Anna" }, value: { spans: [{ start: 1, end: 2, label: "A" }] } }];
  assert.throws(() => labelFormat("conll").write(overlapping, []), ConfigError);
  assert.throws(() => labelFormat("conll").write(inside, []), /begin and end with tokens/);
  assert.deepEqual(labelFormat("conllu").read(labelFormat("conllu").write(inside, []), { kind: "spans" }), inside);
  assert.deepEqual(
    labelFormat("spans-jsonl").read(labelFormat("spans-jsonl").write(overlapping, []), { kind: "spans" }),
    overlapping,
  );
  const read = (name: string, content: string, kind: Kind) => () => labelFormat(name).read(new Map([["x", content]]), { kind });
  for (const [name, content, kind] of [
    ["label-studio", "{}", "spans"],
    ["label-studio", '[{"data":{"image":"a.jpg"},"annotations":[]}]', "boxes"],
    ["cvat", "<annotations><image name='a' width='x' height='2'/></annotations>", "boxes"],
    ["cvat", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "boxes"],
    ["csv", "a,b\n1,2\n", "text-classes"],
    ["conllu", "1\ta\n", "spans"],
    ["spans-jsonl", '{"text":"abc","spans":[[0,9,"X"]]}', "spans"],
    ["descent", '{"text":"abc","spans":[{"start":0,"end":9,"label":"X"}]}', "spans"],
    ["descent", '{"text":"abc","spans":[{"start":2,"end":1,"label":"X"}]}', "spans"],
    ["descent", '{"text":"a😀c","spans":[{"start":0,"end":2,"label":"X"}]}', "spans"],
    ["coco", COCO('{"counts":[1,2],"size":[3,4]}'), "polygons"],
    ["coco", COCO("[[1,2,3,4,5,6],[1,2,3,4,5,6]]"), "polygons"],
    ["coco", COCO("[[1,2,3,4,5]]"), "polygons"],
  ] as const)
    assert.throws(read(name, content, kind), (error: unknown) => {
      assert.ok(error instanceof DataError || error instanceof ConfigError, `${name}: ${String(error)}`);
      assert.ok(!error.message.includes("\n") && error.message.startsWith("x"), error.message);
      return true;
    });
  assert.throws(
    read("descent", '{"text":"abc","spans":[{"start":0,"end":1}]}', "spans"),
    /x, line 1: spans\.0\.label: expected string/,
  );
  assert.throws(() => labelFormat("docano"), /did you mean "doccano"/);
});

test("places outside of the text are refused whatever format they come from, and so is a file without any item", async () => {
  const folder = await mkdtemp(join(tmpdir(), "convert-"));
  after(() => rm(folder, { recursive: true, force: true }));
  const result = [{ from_name: "label", to_name: "text", type: "labels", value: { start: 0, end: 50, labels: ["A"] } }];
  for (const [from, content, message] of [
    [
      "label-studio",
      JSON.stringify([{ data: { text: "Anna" }, annotations: [{ result }] }]),
      /item 1: .* text's 4 characters, got 0 to 50/,
    ],
    ["descent", "", /expected at least one item with labels, got none/],
  ] as const) {
    const source = join(folder, from);
    await writeFile(source, content);
    const out = join(folder, `${from}-out`);
    await assert.rejects(convertLabels(source, { kind: "spans", from, to: "doccano", out }), message);
    await assert.rejects(stat(out));
  }
});
