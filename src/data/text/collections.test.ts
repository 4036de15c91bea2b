import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { zip } from "../archives.test.util.js";
import { classesOf } from "../labels.js";
import { loadData } from "../load-node.js";
import { parseConll } from "./conll.js";
import { looksLabelled } from "./fasttext.js";

const root = mkdtempSync(join(tmpdir(), "descent-collections-"));
after(() => rmSync(root, { recursive: true }));

/** Writes files below a folder of that name. */
function folder(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  for (const [file, content] of Object.entries(files)) {
    const path = join(root, name, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return join(root, name);
}
const numbered = (
  count: number,
  entry: (i: number) => readonly [string, string | Uint8Array],
): Record<string, string | Uint8Array> => Object.fromEntries(Array.from({ length: count }, (_, i) => entry(i)));
const file = (name: string, content: string): string => join(folder("files", { [name]: content }), name);

test("folders of text files are classes, as IMDB has them: parts, texts of no class, lists beside them", async () => {
  const path = folder("aclImdb", {
    ...numbered(20, (i) => [`train/${i % 2 ? "pos" : "neg"}/${i}_${i % 2 ? 9 : 1}.txt`, `A film, "number ${i}"\nof two lines\n`]),
    ...numbered(6, (i) => [`test/${i % 2 ? "pos" : "neg"}/${i}_5.txt`, `Another, ${i}`]),
    ...numbered(4, (i) => [`train/unsup/${i}_0.txt`, "of no class"]),
    "train/urls_pos.txt": "http://a\n",
    README: "What this is",
    "imdb.vocab": "the\n",
  });
  const { roles, task, train, validation, test: held, notes } = await loadData(path, { tableOf: "texts" });
  assert.deepEqual([roles, task], [{ text: "text", target: "label" }, "text-classification"]);
  assert.deepEqual([train.length + validation.length, held.length], [20, 6]);
  assert.deepEqual(classesOf(train.column("label"), "label"), ["neg", "pos"]);
  assert.match(train.texts("text")[0] ?? "", /^A film, "number \d+"\nof two lines$/);
  assert.match(notes.join("\n"), /aclImdb: 4 texts without a class were left out/);
});

test("folders of text files: names without endings, other encodings, archives", async () => {
  const latin = Buffer.from("Très bien, à demain, ça va être prêt", "latin1");
  const files = numbered(20, (i) => [`${i % 2 ? "sci.space" : "rec.autos"}/${1000 + i}`, i < 6 ? latin : `Übung ${i}`]);
  const { train, notes } = await loadData(folder("20news", files), { tableOf: "texts", testFraction: 0, validationFraction: 0 });
  assert.deepEqual([train.length, train.texts("text").filter((text) => text?.startsWith("Très bien, à")).length], [20, 6]);
  assert.match(notes.join("\n"), /not all UTF-8, others read as Windows-1252; --encoding says otherwise/);
  const entries = Array.from({ length: 8 }, (_, i) => [`texts/${i % 2 ? "a" : "b"}/${i}.txt`, Buffer.from(`text ${i}`)] as const);
  writeFileSync(join(root, "texts.zip"), zip(entries));
  const zipped = await loadData(join(root, "texts.zip"), { testFraction: 0, validationFraction: 0 });
  assert.deepEqual([zipped.task, zipped.train.length], ["text-classification", 8]);
});

test("folders of text files that do not fit are refused in one line", async () => {
  for (const [files, expected] of [
    [{ "a/1.txt": "x", "a/2.txt": "y" }, /at least two classes, one folder each, got one: a/],
    [{ "train/a/1.txt": "x", "train/b/1.txt": "y", "test/c/1.txt": "z" }, /expected the classes of train in test, got c as well/],
    [{ "train/a/1.txt": "x", "train/b/1.txt": "y", "train/c/x.pdf": "z" }, /train\/c: expected texts of a class, found none/],
  ] as const)
    await assert.rejects(
      loadData(folder(`broken-${Object.keys(files).join("-").replaceAll("/", "_")}`, files), { tableOf: "texts" }),
      {
        name: "DataError",
        message: expected,
      },
    );
});

test("lines with fastText's labels, whatever stands in the texts; several labels are a list", async () => {
  const lines = (line: (i: number) => string): string => Array.from({ length: 20 }, (_, i) => `${line(i)}\n`).join("");
  const whole = { tableOf: "texts", testFraction: 0, validationFraction: 0 } as const;
  const one = await loadData(
    file(
      "one.txt",
      lines((i) => `__label__${i % 2 ? "good" : "bad"} a text, with commas; and "quotes ${i}`),
    ),
    whole,
  );
  assert.deepEqual(one.train.row(0), { text: 'a text, with commas; and "quotes 0', label: "bad" });
  const many = await loadData(
    file(
      "many.train",
      lines((i) => `__label__a ${i % 2 ? "__label__b " : ""}text ${i}`),
    ),
    whole,
  );
  assert.deepEqual(many.train.texts("label").slice(0, 2), ['["a"]', '["a","b"]']);
  const behind = await loadData(
    file(
      "behind.csv",
      lines((i) => `text, ${i} __label__${i % 2}`),
    ),
    whole,
  );
  assert.deepEqual(behind.train.row(1), { text: "text, 1", label: "1" });
  const broken = file("broken.txt", `${lines((i) => `__label__${i % 2} text`)}${"__label__0 text\n".repeat(6000)}no label\n`);
  await assert.rejects(loadData(broken, whole), /broken\.txt, line 6021: expected __label__NAME and a text, got "no label"/);
  assert.equal((await loadData(broken, { ...whole, skipBadRows: true })).badRows, 1);
  assert.equal(looksLabelled("a __label__x\nb\n"), false);
});

test("columns of nested entities: those around are read, as GermEval has them", () => {
  const sentence = (i: number): string =>
    `#\thttp://de.wikipedia.org/wiki/${i}\t[2009-10-17]\n1\tUniversität\tB-ORG\tO\n2\tKöln\tI-ORG\tB-LOC\n3\tlobt\tO\tO\n4\tBonn\tB-LOC\tO\n\n`;
  const { texts, notes } = parseConll(Array.from({ length: 9 }, (_, i) => sentence(i)).join(""), "g.tsv");
  assert.deepEqual(
    texts[0]?.spans?.map(({ label }) => label),
    ["ORG", "LOC"],
  );
  assert.match(notes.join("\n"), /tokens are read from column 2, tags from column 3/);
  // Chunks stand before entities, but their labels are others.
  const chunks = parseConll("EU NNP B-NP B-ORG\nsees VBZ B-VP O\nGermans NNS B-NP B-MISC\n\nHe PRP B-NP O\n", "c.txt");
  assert.deepEqual(
    chunks.texts[0]?.spans?.map(({ label }) => label),
    ["ORG", "MISC"],
  );
});

test("Parquet with lists of tokens, and of tags as names, as numbers, with the names inside", async () => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const write = async (name: string, tags: string, metadata = ""): Promise<string> => {
    const path = join(root, name);
    await connection.run(
      `COPY (SELECT CASE WHEN i % 2 = 0 THEN ['EU', 'sees', 'Germans'] ELSE ['He', 'sleeps'] END AS tokens, CASE WHEN i % 2 = 0 THEN ${tags} END AS ner_tags FROM range(20) r(i)) TO '${path}' (FORMAT parquet${metadata})`,
    );
    return path;
  };
  const features = { tokens: {}, ner_tags: { feature: { names: ["O", "B-ORG", "I-ORG", "B-MISC"] } } };
  const hub = `, KV_METADATA {huggingface: '${JSON.stringify({ info: { features } })}'}`;
  const whole = { testFraction: 0, validationFraction: 0 };
  for (const path of [
    await write("names.parquet", "['B-ORG', 'O', 'B-MISC'] ELSE ['O', 'O']"),
    await write("numbers.parquet", "[1, 0, 3] ELSE [0, 0]", hub),
  ]) {
    const { train, task } = await loadData(path, whole);
    assert.deepEqual([task, train.row(0)["text"]], ["token-classification", "EU sees Germans"]);
    assert.deepEqual(JSON.parse(String(train.row(0)["spans"])), [
      [0, 2, "ORG"],
      [8, 15, "MISC"],
    ]);
  }
  await assert.rejects(
    loadData(await write("unnamed.parquet", "[1, 0, 3] ELSE [0, 0]"), whole),
    /expected names of tags, got numbers/,
  );
  connection.closeSync();
  instance.closeSync();
});

test("brat's annotations beside their texts: offsets with either line end, spans in pieces, parts in folders, and what is wrong", async () => {
  const whole = { testFraction: 0, validationFraction: 0 };
  const write = (name: string, files: Readonly<Record<string, string>>): string => {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name, file)), { recursive: true });
      writeFileSync(join(root, name, file), content);
    }
    return join(root, name);
  };
  const spansOf = async (spec: string): Promise<[unknown, unknown][]> => {
    const { train } = await loadData(spec, whole);
    const text = String(train.row(0)["text"]);
    const spans = JSON.parse(String(train.row(0)["spans"])) as [number, number, string][];
    return spans.map(([start, end, label]) => [label, text.slice(start, end)]);
  };
  const people = [
    ["PER", "Ann 👩‍👧"],
    ["LOC", "New York"],
  ];
  for (const [name, end, shift] of [
    ["lf", "\n", 0],
    ["crlf", "\r\n", 1],
    ["short", "\r\n", 0],
  ] as const)
    assert.deepEqual(
      await spansOf(
        write(`brat-${name}`, {
          "a.txt": `Hi${end}Ann 👩‍👧 in New York`,
          "a.ann": `T1\tPER ${3 + shift} ${10 + shift}\tAnn 👩‍👧\nT2\tLOC ${14 + shift} ${17 + shift};${18 + shift} ${22 + shift}\tNew York\nR1\tIn Arg1:T1 Arg2:T2\n`,
          "b.txt": "Nobody.",
          "b.ann": "",
        }),
      ),
      people,
      name,
    );
  const parts = await loadData(
    write("brat-parts", {
      "train/a.txt": "Ann sleeps",
      "train/a.ann": "T1\tPER 0 3\tAnn\nE1\tSleep:T1\n",
      "train/c.txt": "no annotation",
      "test/b.txt": "Bob sleeps",
      "test/b.ann": "T1\tPER 0 3\tBob\n",
    }),
    whole,
  );
  assert.deepEqual([parts.task, parts.train.length, parts.test.length], ["token-classification", 1, 1]);
  assert.match(parts.notes.join("\n"), /1 relations and events .* are not read\n1 texts without an annotation were left out/);
  const wrong = (name: string, line: string): Promise<unknown> =>
    loadData(write(name, { "a.txt": "Ann sleeps", "a.ann": line }), whole);
  await assert.rejects(wrong("brat-line", "T1\tPER 0 x\tAnn\n"), /a\.ann, line 1: expected T1<tab>LABEL START END<tab>TEXT/);
  await assert.rejects(
    wrong("brat-text", "T1\tPER 4 7\tAnn\n"),
    /a\.ann: expected "Ann" from 4 to 7, as the span says, got "sle"/,
  );
});

test("entities in CoNLL-U Plus, and among what Stanza writes in CoNLL-U", async () => {
  const whole = { testFraction: 0, validationFraction: 0 };
  const tree = (i: number, last: (tag: string) => string): string =>
    ["1-2\tAmRhein\t_\t_\t_\t_\t_\t_\t_\t" + last("_"), `1\tAm\t_\tADP\t_\t_\t${i}\t_\t_\t` + last("O")]
      .concat("2\tRhein\t_\tPROPN\t_\t_\t_\t_\t_\t" + last("B-LOC"), "2.1\t_\t_\t_\t_\t_\t_\t_\t_\t" + last("_"))
      .join("\n");
  const files = {
    "plus.conllup": `# global.columns = ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC X:NE\n${[1, 2, 3].map((i) => tree(i, (tag) => `_\t${tag}`)).join("\n\n")}\n`,
    "stanza.conllu": `${[1, 2, 3].map((i) => tree(i, (tag) => `start_char=${i}|ner=${tag.replace("B-", "S-")}`)).join("\n\n")}\n`,
  };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(root, name), content);
    const { task, train } = await loadData(join(root, name), whole);
    assert.deepEqual([task, train.length], ["token-classification", 3]);
    assert.deepEqual(train.row(0), { text: "Am Rhein", tokens: "[[0,2],[3,8]]", spans: '[[3,8,"LOC"]]' }, name);
  }
});

const RASA = `version: "3.1"
nlu:
- intent: greet
  examples: |
    - hey
    - hello there
- intent: fly
  examples: |
    - from [Bad Homburg](city:Homburg) to [Rome]{"entity": "city", "role": "to"}
    - to [NY][{"entity": "city"}, {"entity": "state"}]
    - 飞往[北京](city)
- synonym: Homburg
  examples: |
    - Bad Homburg
`;
const MARKDOWN = `<!-- - no example -->
## intent:greet
- hey
* hello there

## intent:fly
- from [Bad Homburg](city:Homburg) to [Rome](city)
- to [NY](city)
- 飞往[北京](city)

## synonym:Homburg
- Bad Homburg
`;
const AS_JSON = JSON.stringify({
  rasa_nlu_data: {
    common_examples: [
      { text: "hey", intent: "greet", entities: [] },
      { text: "hello there", intent: "greet" },
      {
        text: "from Bad Homburg to Rome",
        intent: "fly",
        entities: [
          { start: 5, end: 16, value: "Homburg", entity: "city" },
          { start: 20, end: 24, value: "Rome", entity: "city" },
        ],
      },
      { text: "to NY", intent: "fly", entities: [{ start: 3, end: 5, value: "NY", entity: "city" }] },
      { text: "飞往北京", intent: "fly", entities: [{ start: 2, end: 4, value: "北京", entity: "city" }] },
    ],
    regex_features: [],
  },
});
const whole = { testFraction: 0, validationFraction: 0 };

for (const [name, content] of [
  ["nlu.yml", RASA],
  ["nlu.md", MARKDOWN],
  ["nlu.json", AS_JSON],
] as const)
  test(`Rasa's examples, ${name}: entities, and intents where texts with labels are asked for`, async () => {
    const path = file(name, content);
    const { train, task, notes } = await loadData(path, whole);
    assert.equal(task, "token-classification");
    const texts = ["hey", "hello there", "from Bad Homburg to Rome", "to NY", "飞往北京"];
    assert.deepEqual(train.texts("text"), texts);
    assert.deepEqual(
      train.texts("spans").map((spans) => JSON.parse(spans ?? "") as unknown),
      [[], [], [[5, 16, "city"], [20, 24, "city"]], [[3, 5, "city"]], [[2, 4, "city"]]], // prettier-ignore
    );
    if (!name.endsWith("json")) assert.match(notes.join("\n"), /1 synonyms, patterns and lookup tables are not read/);
    const intents = await loadData(path, { ...whole, tableOf: "texts" });
    assert.equal(intents.task, "text-classification");
    assert.deepEqual(intents.train.texts("text"), texts);
    assert.deepEqual(classesOf(intents.train.column("label"), "label"), ["fly", "greet"]);
  });

test("Rasa's projects: all examples of a folder; a file of intents alone; what is broken, by its line", async () => {
  const project = folder("rasa", {
    "nlu.yml": RASA,
    "more.yml": RASA.replaceAll(/\[[^\]]*\][([{].*/g, "Rome"),
    "rules.yml": "rules:\n- rule: a\n",
  });
  assert.equal((await loadData(project, whole)).train.length, 10);
  const alone = await loadData(
    file("intents.yml", 'nlu:\n- intent: a\n  examples:\n  - text: "hey"\n  - ho\n- intent: b\n  examples: |\n    - no\n'),
    whole,
  );
  assert.deepEqual([alone.task, alone.train.length], ["text-classification", 3]);
  await assert.rejects(loadData(file("bad.md", "## intent:a\n- x [y]{entity: city}\n"), whole), /bad\.md, line 2: expected JSON/);
  await assert.rejects(
    loadData(file("bad.yml", "nlu:\n- intent: [a\n  examples: |\n    - b\n"), whole),
    /bad\.yml: expected YAML/,
  );
});

test("spaCy's documents of before version 3", async () => {
  const token = (orth: string, ner?: string): object => ({
    id: 0,
    orth,
    tag: "X",
    head: 0,
    dep: "x",
    ...(ner === undefined ? {} : { ner }),
  });
  const paragraph = {
    raw: "Ann Lee left. No one came.",
    sentences: [
      { tokens: [token("Ann", "B-PER"), token("Lee", "L-PER"), token("left", "O"), token(".", "-")], brackets: [] },
      { tokens: [token("No"), token("one", "U-X"), token("came"), token(".")], brackets: [] },
    ],
  };
  const { train, task } = await loadData(file("docs.json", JSON.stringify([{ id: 0, paragraphs: [paragraph] }], null, 1)), whole);
  assert.equal(task, "token-classification");
  assert.deepEqual(train.texts("text"), ["Ann Lee left .", "No one came ."]);
  assert.deepEqual(train.texts("spans"), ['[[0,7,"PER"]]', '[[3,6,"X"]]']);
});

test("columns of tags without empty lines: sentences end behind their signs, or where tokens are counted anew; else it is refused", async () => {
  const sentence = 'He O\nsaid O\n" O\nAnn B-PER\nleft O\n. O\n" O\nA. B-PER\n. I-PER\nLee I-PER\ncame O\n! O\n';
  const { train, notes } = await loadData(file("run.txt", sentence.repeat(6)), whole);
  assert.equal(train.length, 12);
  assert.deepEqual(train.texts("text").slice(0, 2), ['He said " Ann left . "', "A. . Lee came !"]);
  assert.match(notes.join("\n"), /no empty lines between sentences, so they end behind tokens such as/);
  const counted = "1\tAnn\tB-PER\n2\tcame\tO\n".repeat(30);
  const read = parseConll(counted, "f");
  assert.equal(read.texts.length, 30);
  assert.match(read.notes.join("\n"), /they end where tokens are counted anew/);
  assert.throws(() => parseConll("Ann B-PER\ncame O\n".repeat(30), "f"), {
    name: "DataError",
    message: "f: expected an empty line behind each sentence, found none in 60 lines; put them in",
  });
});
