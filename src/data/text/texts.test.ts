import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { deflateRawSync, gzipSync } from "node:zlib";
import type { LabelledText } from "./labelled-text.js";
import { labelledTextAt, labelledTexts } from "./labelled-text.js";
import { looksTagged, parseConll } from "./conll.js";
import { decodeText, decodeUtf8 } from "./lines.js";
import { cutText } from "./plain.js";
import { parsePropositions } from "./propositions.js";
import { characterOffsets, hasSpans, parseSpanLines } from "./span-lines.js";
import { hasTokens, parseTokenRows } from "./token-rows.js";
import { loadData } from "../load-node.js";
import { unzip } from "../zip-node.js";

/** The spans as text, with their labels. */
const marked = ({ text, spans = [] }: LabelledText): string[] => spans.map((s) => `${s.label}:${text.slice(s.start, s.end)}`);

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "descent-texts-"));
});
after(() => rm(folder, { recursive: true }));
const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

test("CoNLL columns: BIO with spaces between words, BMES of Chinese characters without", () => {
  const english = parseConll(
    "EU\tNNP\tB-ORG\nrejects\tVBZ\tO\nNew\tNNP\tB-LOC\nYork\tNNP\tI-LOC\n\t\n-DOCSTART-\tO\n\n😀 O\n",
    "x",
  );
  assert.deepEqual(
    english.texts.map(({ text }) => text),
    ["EU rejects New York", "😀"],
  );
  assert.deepEqual(marked(english.texts[0] as LabelledText), ["ORG:EU", "LOC:New York"]);
  const chinese = parseConll("高 B-NAME\r\n勇 E-NAME\r\n： O\r\n中 B-CONT\r\n国 M-CONT\r\n籍 E-CONT\r\n男 S-SEX\r\n", "x");
  assert.equal(chinese.texts[0]?.text, "高勇：中国籍男");
  assert.deepEqual(marked(chinese.texts[0]), ["NAME:高勇", "CONT:中国籍", "SEX:男"]);
});

test("a tag that breaks the scheme is named with its line, or repaired when asked", () => {
  const broken = "a\tO\nb\tI-PER\n\nc\tB-LOC\nd\tI-PER\n";
  assert.throws(() => parseConll(broken, "f.conll"), {
    name: "DataError",
    message:
      "f.conll, line 2: expected B-PER before I-PER, got O; correct the tag, or accept such tags as conlleval does (repair, --repair)",
  });
  const { texts, notes } = parseConll(broken, "f.conll", { repair: true });
  assert.deepEqual(texts.map(marked), [["PER:b"], ["LOC:c", "PER:d"]]);
  assert.deepEqual(notes, ["f.conll: the tags of 2 sentences broke their scheme and were repaired"]);
  assert.throws(() => parseConll("a\tO\nword\n", "f"), /f, line 2: expected a token and a tag, got "word"/);
  assert.throws(() => parseConll("\n\n", "f"), /f: expected at least one sentence, got an empty file/);
  assert.throws(() => parseConll("a\tB-A\nb\tO\nc\tE-A\n", "f"), /line 1: expected the end of A to be marked, got B-A before O/);
});

const EWT = `# text = He didn't come home.
1\tHe\the\tPRON\tPRP\t_\t4\tnsubj\t_\t_\t_\tARG0
2-3\tdidn't\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_
2\tdid\tdo\tAUX\tVBD\t_\t4\taux\t_\t_\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_\t_\tARGM-NEG
4\tcome\tcome\tVERB\tVB\t_\t0\troot\t_\t_\tcome.01\tV
5\thome\thome\tADV\tRB\t_\t4\tadvmod\t_\t_\t_\tARG4
6\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_\t_\t_

# propbank = no-up
# text = Great store
1\tGreat\tgreat\tADJ\tJJ\t_\t2\tamod\t_\t_=\t\t
2\tstore\tstore\tNOUN\tNN\t_\t0\troot\t_\t_=\t\t

# text = Hi
1\tHi\thi\tINTJ\tUH\t_\t0\troot\t_\t_\t_\t
`;

test("propositions: CoNLL-U with roles on heads, in the written text's places", () => {
  const { texts, notes } = parsePropositions(EWT, "f");
  assert.deepEqual(notes, ["f: 1 sentences without marked arguments (no-up) were left out"]);
  assert.equal(texts.length, 2);
  const [first] = texts as [LabelledText];
  assert.deepEqual(
    first.tokens?.map(([a, b]) => first.text.slice(a, b)),
    ["He", "did", "n't", "come", "home", "."],
  );
  assert.deepEqual(first.propositions, [
    {
      predicate: 3,
      frame: "come.01",
      arguments: [
        { start: 0, end: 1, label: "ARG0" },
        { start: 2, end: 3, label: "ARGM-NEG" },
        { start: 4, end: 5, label: "ARG4" },
      ],
    },
  ]);
  assert.deepEqual(texts[1]?.propositions, []);
});

test("propositions: CoNLL-X with Y and frames, and roles in brackets over spans", () => {
  const row = (id: number, word: string, y: string, frame: string, ...roles: string[]): string =>
    [id, word, word, "X", "X", "_", 0, "x", y, frame, ...roles].join("\t");
  const chinese = parsePropositions(
    [row(1, "他", "_", "_", "A0"), row(2, "看", "Y", "look.01", "_"), row(3, "书", "_", "_", "A1")].join("\n"),
    "f",
  );
  assert.equal(chinese.texts[0]?.text, "他看书");
  assert.deepEqual(
    chinese.texts[0]?.propositions?.[0]?.arguments.map((a) => a.label),
    ["A0", "A1"],
  );
  const spans = parsePropositions(
    [
      row(1, "The", "_", "_", "(A0*"),
      row(2, "dog", "_", "_", "*)"),
      row(3, "barks", "Y", "bark.01", "(V*)"),
      row(4, "now", "_", "_", "(AM-TMP*)"),
    ].join("\n"),
    "f",
  );
  assert.deepEqual(spans.texts[0]?.propositions?.[0]?.arguments, [
    { start: 0, end: 2, label: "A0" },
    { start: 3, end: 4, label: "AM-TMP" },
  ]);
  assert.throws(
    () => parsePropositions(EWT.replace("come.01\tV", "come.01"), "f"),
    /f, line 6: expected a column of roles for each of 1 predicates, got 0/,
  );
  assert.throws(() => parsePropositions("1\tword\n", "f"), /f, line 1: expected at least 8 columns, got 2/);
});

test("spans in JSON lines: characters or units, lists or objects", () => {
  const lines = [
    '{"text": "😀 Bonn ist schön", "spans": [[2, 6, "LOC"]]}',
    '{"text": "b", "entities": [{"start": 0, "end": 1, "type": "X"}]}',
    '{"text":"c"}',
  ];
  const { texts } = parseSpanLines(lines.join("\n"), "f");
  assert.deepEqual(texts.map(marked), [["LOC:Bonn"], ["X:b"], []]);
  assert.deepEqual(
    marked(parseSpanLines('{"text":"😀 Bonn","spans":[[3,7,"LOC"]]}', "f", { offsets: "utf-16" }).texts[0] as LabelledText),
    ["LOC:Bonn"],
  );
  assert.throws(
    () => parseSpanLines('{"text":"ab","spans":[[0,3,"A"]]}', "f"),
    /f, line 1: expected spans within the 2 characters of the text, got 0 to 3/,
  );
  assert.throws(() => parseSpanLines('{"text":"ab"}\n{"text":" "}', "f"), /f, line 2: expected a text, got an empty one/);
  assert.throws(
    () => parseSpanLines('{"text":"ab","spans":["A"]}', "f"),
    /f, line 1: expected spans as \[start, end, label\] in "spans"/,
  );
  assert.throws(() => parseSpanLines("{", "f"), /f, line 1: expected JSON, got text that does not parse/);
});

/** Texts with spans that say what they cover, counted in some way. */
const covered = (place: (start: number, end: number, text: string) => readonly [unknown, unknown]): string =>
  ["Élan: Anna is in Bonn.", "Über Köln fliegt Eva 😀 heim nach Rom."]
    .map((text) => {
      const spans = ["Anna", "Bonn", "Köln", "Eva", "Rom"]
        .filter((name) => text.includes(name))
        .map((name) => {
          const at = characterOffsets(text).indexOf(text.indexOf(name));
          const [start, end] = place(at, at + name.length, text);
          return { start, end, label: "N", text: name };
        });
      return JSON.stringify({ text, spans });
    })
    .join("\n");
const bytesBefore = (text: string, at: number): number => Buffer.byteLength(text.slice(0, characterOffsets(text)[at]));

for (const [name, place, note] of [
  ["from 0, ends behind", (start, end) => [start, end], undefined],
  ["as texts", (start, end) => [String(start), String(end)], undefined],
  ["ends of last characters", (start, end) => [start, end - 1], /the ends of spans are those of their last characters/],
  ["from 1", (start, end) => [start + 1, end + 1], /spans count from 1, as/],
  ["from 1, ends of last characters", (start, end) => [start + 1, end], /spans count from 1, their ends/],
  ["bytes", (start, end, text) => [bytesBefore(text, start), bytesBefore(text, end)], /spans count bytes of UTF-8/],
] as readonly (readonly [string, Parameters<typeof covered>[0], RegExp | undefined])[])
  test(`spans that say what they cover: ${name}`, () => {
    const { texts, notes } = parseSpanLines(covered(place), "f");
    assert.deepEqual(texts.map(marked), [
      ["N:Anna", "N:Bonn"],
      ["N:Köln", "N:Eva", "N:Rom"],
    ]);
    if (note === undefined) assert.deepEqual(notes, []);
    else assert.match(notes.join("\n"), note);
  });

test("spans that cover something else in every way are refused; blanks at ends go; a label may come first", () => {
  assert.throws(
    () =>
      parseSpanLines(
        covered((start, end) => [start + 7, end + 7]),
        "f",
      ),
    /f, line 1: expected "Anna" from 13 to 17, as the span says, got " in "/,
  );
  const { texts, notes } = parseSpanLines('{"text":"In Bonn, ja","spans":[["LOC",2,7]]}', "f");
  assert.deepEqual([texts.map(marked), notes], [[["LOC:Bonn"]], ["f: blanks at the ends of 1 spans were left out of them"]]);
  const short = Array.from({ length: 5 }, () => '{"text":"In Bonn, ja","spans":[[3,6,"LOC"]]}').join("\n");
  assert.match(parseSpanLines(short, "f").notes.join(), /every span ends one character before its last word does/);
});

test("what tools for spaCy export: names of labels beside the texts; lines that begin with classes stay lines", () => {
  const file = JSON.stringify({ classes: ["LOC"], annotations: [["In Bonn", { entities: [[3, 7, "LOC"]] }], null] });
  assert.deepEqual(parseSpanLines(file, "f").texts.map(marked), [["LOC:Bonn"]]);
  const lines = '{"classes":1,"text":"a","spans":[[0,1,"X"]]}\n{"classes":2,"text":"b"}';
  assert.deepEqual(parseSpanLines(lines, "f").texts.map(marked), [["X:a"], []]);
});

test("tags with their letters behind the labels, and lists of different lengths", () => {
  const { texts, notes } = parseConll("Anna PER-B\nKey PER-I\nin O\nBonn LOC-B\n", "f");
  assert.deepEqual(
    [texts.map(marked), notes],
    [[["PER:Anna Key", "LOC:Bonn"]], ["f: the letters of tags stand behind their labels"]],
  );
  assert.ok(hasTokens({ tokens: ["a", "b"], ner_tags: ["O"] }));
  assert.ok(!hasTokens({ words: ["a", "b"], labels: ["sport"] }));
});

test("bytes that are no UTF-8 are refused with their line; a mark at the beginning goes", () => {
  assert.equal(decodeUtf8(Buffer.from("\uFEFF\uFEFFa"), "f"), "\uFEFFa");
  const bytes = Buffer.concat([Buffer.from("好\nb\n"), Buffer.from([0x62, 0xff, 10])]);
  assert.throws(() => decodeUtf8(bytes, "f.txt"), {
    name: "DataError",
    message: "f.txt: line 3: expected UTF-8, got other bytes; save the file as UTF-8",
  });
});

test("texts in another encoding are read with a remark, where enough lines show it; what is marked or asked for as it is", () => {
  const spanish = "Ána B-PER\nvive O\n\nMálaga B-LOC\n\nñandú O\n";
  const { text, note } = decodeText(Buffer.from(spanish, "latin1"), "f");
  assert.deepEqual([text, note], [spanish, "f: not UTF-8, read as Windows-1252; --encoding says otherwise"]);
  assert.deepEqual(decodeText(Buffer.from(`\uFEFF${spanish}`, "utf16le"), "f"), { text: spanish });
  assert.deepEqual(decodeText(Buffer.from(spanish, "utf16le"), "f"), { text: spanish });
  assert.deepEqual(decodeText(Buffer.from("é", "latin1"), "f", "latin1"), { text: "é" });
  assert.throws(
    () => decodeText(Buffer.from("a\né\nb", "latin1"), "f"),
    /f: line 2: expected UTF-8.*or name its encoding \(--encoding\)/,
  );
});

test("tags in any column, and lines about a text, are seen whatever a file is called", () => {
  assert.ok(looksTagged("B-PER\tAna\nO\tcame\n\nB-LOC\tBonn\n\n"));
  assert.ok(looksTagged("# http://x.de [2009]\n1\tAna\tB-PER\tO\n2\tkam\tO\tO\n\n# y\n1\tJa\tO\tO\n\n"));
  assert.ok(!looksTagged("a\tb\nc\td\n\ne\tf\n\n"));
});

const EMOJI = [
  ["👨‍👩‍👧 Ana lives in 🇨🇭 Bern", ["Ana", "Bern"]],
  ["Bob 👍🏽 Eve", ["Bob", "Eve"]],
] as const;
const signs = (text: string): number => [...new Intl.Segmenter().segment(text)].length;
for (const [name, count, note] of [
  ["characters", (text) => Array.from(text).length, []],
  ["UTF-16 units", (text) => text.length, ["f: spans count UTF-16 units, since only so they begin and end where words do"]],
  ["signs", signs, ["f: spans count signs as readers see them, since only so they begin and end where words do"]],
] as readonly (readonly [string, (text: string) => number, readonly string[]])[])
  test(`spans behind emoji that do not say what they cover: ${name}`, () => {
    const lines = EMOJI.map(([text, names]) => {
      const spans = names.map((word) => [
        count(text.slice(0, text.indexOf(word))),
        count(text.slice(0, text.indexOf(word) + word.length)),
        "N",
      ]);
      return JSON.stringify({ text, label: spans });
    });
    const { texts, notes } = parseSpanLines(lines.join("\n"), "f");
    assert.deepEqual([texts.map(marked), notes], [EMOJI.map(([, names]) => names.map((word) => `N:${word}`)), note]);
  });

test("answers that an annotator rejected are left out; spans by label and word, as CLUENER has them", () => {
  const rows = [
    { text: "In Bonn", spans: [{ start: 3, end: 7, label: "LOC" }], answer: "accept" },
    { text: "In Rom", spans: [], answer: "reject" },
  ];
  const { texts, notes } = parseSpanLines(JSON.stringify(rows), "f");
  assert.deepEqual(
    [texts.map(marked), notes],
    [[["LOC:Bonn"]], ['f: left out, since their answer is "reject" or "ignore": 1 of 2']],
  );
  const cluener = JSON.stringify({
    text: "浙商银行叶老桂",
    label: { name: { 叶老桂: [[4, 6]] }, company: { 浙商银行: [[0, 3]] } },
  });
  assert.ok(hasSpans(JSON.parse(cluener)));
  assert.deepEqual(parseSpanLines(cluener, "f").texts.map(marked), [["name:叶老桂", "company:浙商银行"]]);
});

test("GLiNER's spans of tokens, and a sentence with a list of tags", () => {
  for (const row of [
    {
      tokenized_text: ["Anna", "Key", "in", "Bonn"],
      ner: [
        [0, 1, "PER"],
        [3, 3, "LOC"],
      ],
    },
    { Sentence: "Anna Key in Bonn", POS: "['N', 'N', 'I', 'N']", Tag: "['B-PER', 'I-PER', 'O', 'B-LOC']" },
  ]) {
    assert.ok(hasTokens(row));
    const { texts } = parseTokenRows([{ value: row, place: "row 1" }], "f", () => undefined, {});
    assert.deepEqual(texts.map(marked), [["PER:Anna Key", "LOC:Bonn"]]);
  }
});

test("a text is cut in order, between characters", () => {
  assert.deepEqual(cutText("aé😀bcdefgh", [0.3, 0.9], "f"), ["aé😀", "bcdefg", "h"]);
  assert.throws(() => cutText(" \n", [0.5], "f"), /f: expected a text, got an empty one/);
  assert.throws(() => cutText("ab", [0.1], "f"), /f: expected a text of more characters, got 2; it is cut into 2 parts/);
});

test("labelled texts through a data set and back; what is no such column is named", () => {
  const texts = [...parsePropositions(EWT, "f").texts, ...parseConll("a\tB-X\n", "f").texts];
  const data = labelledTexts(texts);
  assert.deepEqual(data.names, ["text", "tokens", "spans", "propositions"]);
  for (const [i, text] of texts.entries()) assert.deepEqual(labelledTextAt(data, i), text);
  const broken = data.with({ spans: { dtype: "string", values: ["[[0]]", "{", null] } });
  assert.throws(() => labelledTextAt(broken, 0), /column "spans", example 1: expected a list/);
  assert.throws(() => labelledTextAt(broken, 1), /column "spans", example 2: expected JSON/);
});

test("files and folders of texts load by their names", async () => {
  const options = { download: false } as const;
  const conll = Array.from({ length: 30 }, (_, i) => `w${i}\tB-A\nx\tO\n`).join("\n");
  const single = await loadData(await file("all.conll.gz", gzipSync(conll)), options);
  assert.deepEqual(
    [single.task, single.train.length + single.validation.length + single.test.length],
    ["token-classification", 30],
  );
  await mkdir(join(folder, "ner"));
  for (const part of ["train", "dev", "test"]) await file(`ner/${part}.char.bmes`, conll);
  const parts = await loadData(join(folder, "ner"), options);
  assert.deepEqual([parts.train.length, parts.validation.length, parts.test.length, parts.notes.length], [30, 30, 30, 0]);
  const spans = await loadData(await file("s.jsonl", '{"text":"Bonn","spans":[[0,4,"LOC"]]}\n'.repeat(20)), options);
  assert.equal(spans.task, "token-classification");
  const classes = await loadData(
    await file("c.jsonl", '{"text":"a long text of words","label":"x"}\n{"text":"another text here","label":"y"}\n'.repeat(20)),
    options,
  );
  assert.equal(classes.task, "text-classification");
  const plain = await loadData(await file("book.txt", "0123456789"), options);
  assert.deepEqual(
    [plain.train, plain.validation, plain.test].map((part) => part.texts("text")[0]),
    ["01234567", "8", "9"],
  );
  assert.equal(plain.task, "language-modeling");
  const whole = await loadData(join(folder, "book.txt"), { ...options, testFraction: 0, validationFraction: 0 });
  assert.deepEqual([whole.train.texts("text"), whole.validation.length, whole.test.length], [["0123456789"], 0, 0]);
  await assert.rejects(
    loadData(await file("bad.conll", "a\tI-X\n"), options),
    /bad\.conll, line 1: expected B-X before I-X, got nothing/,
  );
  const repaired = await loadData(await file("rep.conll", "a\tI-X\n\n".repeat(20)), { ...options, repair: true });
  assert.match(repaired.notes.join(), /the tags of 20 sentences broke their scheme/);
});

/** A zip archive with one file, written by hand. */
function zip(name: string, content: Buffer, method: 0 | 8): Buffer {
  const packed = method === 0 ? content : deflateRawSync(content);
  const head = (signature: number, size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    bytes.writeUInt32LE(signature);
    return bytes;
  };
  const local = head(0x04034b50, 30);
  local.writeUInt16LE(name.length, 26);
  const entry = head(0x02014b50, 46);
  entry.writeUInt16LE(method, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(name.length, 28);
  const end = head(0x06054b50, 22);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(30 + name.length + packed.length, 16);
  return Buffer.concat([local, Buffer.from(name), packed, entry, Buffer.from(name), end]);
}

test("zip: stored and deflated files; a cut archive and an absent name are refused", async () => {
  const content = Buffer.from("内容 content ".repeat(50));
  for (const method of [0, 8] as const) assert.deepEqual(Buffer.from(await unzip(zip("a.txt", content, method), "z")), content);
  const archive = zip("a.txt", content, 8);
  await assert.rejects(
    unzip(archive.subarray(0, -30), "z.zip"),
    /z\.zip: expected a whole zip file, got a truncated or altered one/,
  );
  await assert.rejects(unzip(archive, "z.zip", "b.txt"), /z\.zip: expected b\.txt in the archive, got a\.txt/);
});

/** One sentence after another in which Ana and Bob are persons and New York is a place, as each tool writes it. */
const SENTENCES = Array.from({ length: 24 }, (_, i) => {
  const [name, place] = [i % 2 ? "Ana" : "Bob", i % 3 ? ["Rome"] : ["New", "York"]];
  const tags = ["B-PER", "O", "O", ...place.map((_, k) => (k === 0 ? "B-LOC" : "I-LOC")), "O"];
  return { tokens: [name, "lives", "in", ...place, "."], tags };
});
type Line = (token: string, tag: string, i: number) => string;
const columns = (line: Line, before = ""): string =>
  SENTENCES.map(({ tokens, tags }) => before + tokens.map((token, i) => `${line(token, tags[i] as string, i)}\n`).join("")).join(
    "\n",
  );
const NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];
const each = (row: (sentence: (typeof SENTENCES)[number], k: number) => unknown): string =>
  SENTENCES.map((sentence, k) => `${JSON.stringify(row(sentence, k))}\n`).join("");
const inspans = ({ tokens, tags }: (typeof SENTENCES)[number]): { text: string; spans: [number, number, string][] } => {
  const { texts } = parseConll(tokens.map((token, i) => `${token}\t${tags[i]}\n`).join(""), "x");
  const [{ text, spans = [] }] = texts as [LabelledText];
  return { text, spans: spans.map(({ start, end, label }) => [start, end, label]) };
};
const studio = (k: number, result: readonly unknown[], text: string) => ({
  id: k,
  data: { text },
  annotations: [{ id: 1, result }],
});

const WRITTEN: readonly [what: string, name: string, content: string, note?: RegExp][] = [
  ["four columns of CoNLL-2003", "a.conll", `-DOCSTART- -X- -X- O\n\n${columns((token, tag) => `${token} NN I-NP ${tag}`)}`],
  ["CoNLL-2003 as .txt", "train.txt", columns((token, tag) => `${token} NN I-NP ${tag}`)],
  ["two columns as .tsv", "a.tsv", columns((token, tag) => `${token}\t${tag}`)],
  ["blanks at the ends", "b.conll", columns((token, tag) => `${token}\t${tag} `)],
  [
    "tags before tokens",
    "c.conll",
    columns((token, tag) => `${tag}\t${token}`),
    /tokens are read from column 2, tags from column 1/,
  ],
  [
    "counted tokens",
    "d.conll",
    columns((token, tag, i) => `${i + 1}\t${token}\t${tag}`),
    /tokens are read from column 2, tags from column 3/,
  ],
  ["comments", "e.conll", columns((token, tag) => `${token}\t${tag}`, "# sent_id = 0\n# text = O\n")],
  ["IOB1", "f.conll", columns((token, tag) => `${token} ${tag.replace("B-", "I-")}`), /spans begin with I-, .*\(IOB1\)/],
  ["underscores", "g.conll", columns((token, tag) => `${token} ${tag.replace("-", "_")}`)],
  [
    "small letters",
    "h.conll",
    columns((token, tag) => `${token} ${tag === "O" ? "o" : `${tag[0]?.toLowerCase()}${tag.slice(1)}`}`),
  ],
  ["labels alone", "i.conll", columns((token, tag) => `${token} ${tag.slice(2) || "O"}`), /tags are labels alone/],
  ["lists of tokens and tags", "a.jsonl", each(({ tokens, tags }, k) => ({ id: k, tokens, ner_tags: tags }))],
  ["lists called words and labels", "b.jsonl", each(({ tokens, tags }) => ({ words: tokens, labels: tags }))],
  [
    "lists in a table, as Python prints them",
    "lists.csv",
    `tokens,ner_tags\n${SENTENCES.map(({ tokens, tags }) => `"['${tokens.join("', '")}']","['${tags.join("' '")}']"\n`).join("")}`,
  ],
  [
    "a token a row, sentences numbered once",
    "kaggle.csv",
    `Sentence #,Word,POS,Tag\n${SENTENCES.map(({ tokens, tags }, k) => tokens.map((token, i) => `${i ? "" : `Sentence: ${k + 1}`},${token},NN,${tags[i]}\n`).join("")).join("")}`,
  ],
  [
    "a token a row, sentences numbered in each",
    "rows.tsv",
    `sentence_id\twords\tlabels\n${SENTENCES.map(({ tokens, tags }, k) => tokens.map((token, i) => `${k}\t${token}\t${tags[i]}\n`).join("")).join("")}`,
  ],
  ["doccano", "c.jsonl", each((s, id) => ({ id, text: inspans(s).text, label: inspans(s).spans }))],
  [
    "doccano's entities",
    "d.jsonl",
    each((s, id) => ({
      id,
      text: inspans(s).text,
      entities: inspans(s).spans.map(([a, b, label]) => ({ id: 1, start_offset: a, end_offset: b, label })),
      relations: [],
    })),
  ],
  ["spaCy's pairs", "spacy.json", JSON.stringify(SENTENCES.map((s) => [inspans(s).text, { entities: inspans(s).spans }]))],
  [
    "Label Studio",
    "studio.json",
    JSON.stringify(
      SENTENCES.map((s, k) =>
        studio(
          k,
          inspans(s).spans.map(([start, end, label]) => ({
            type: "labels",
            from_name: "label",
            value: { start, end, text: inspans(s).text.slice(start, end), labels: [label] },
          })),
          inspans(s).text,
        ),
      ),
    ),
  ],
  [
    "Dataturks",
    "turk.json",
    each((s) => ({
      content: inspans(s).text,
      annotation: inspans(s).spans.map(([start, end, label]) => ({
        label: [label],
        points: [{ start, end: end - 1, text: inspans(s).text.slice(start, end) }],
      })),
      extras: null,
    })),
  ],
  [
    "Azure",
    "azure.jsonl",
    each((s) => ({
      text: inspans(s).text,
      entities: inspans(s).spans.map(([offset, end, category]) => ({ offset, length: end - offset, category })),
    })),
  ],
  [
    "a list in a cell, of JSON",
    "cell.csv",
    `id,text,entities\n${SENTENCES.map((s, id) => `${id},"${inspans(s).text}","${JSON.stringify(inspans(s).spans).replaceAll('"', '""')}"\n`).join("")}`,
  ],
  [
    "a list in a cell, as Python prints one",
    "python.csv",
    `text,label\n${SENTENCES.map(
      (s) =>
        `"${inspans(s).text}","[${inspans(s)
          .spans.map(([start, end, label]) => `(${start}, ${end}, '${label}')`)
          .join(", ")}]"\n`,
    ).join("")}`,
  ],
  [
    "Label Studio's short form",
    "short.json",
    JSON.stringify(
      SENTENCES.map((s, id) => ({
        id,
        text: inspans(s).text,
        label: inspans(s).spans.map(([start, end, label]) => ({
          start,
          end,
          text: inspans(s).text.slice(start, end),
          labels: [label],
        })),
      })),
    ),
  ],
];

for (const [what, name, content, note] of WRITTEN)
  test(`texts with spans as ${what} writes them`, async () => {
    const data = await loadData(await file(name, content), { testFraction: 0, validationFraction: 0 });
    assert.equal(data.task, "token-classification");
    assert.equal(data.train.length, 24);
    assert.deepEqual(
      [0, 1].map((i) => marked(labelledTextAt(data.train, i))),
      [
        ["PER:Bob", "LOC:New York"],
        ["PER:Ana", "LOC:Rome"],
      ],
    );
    if (note === undefined) assert.deepEqual(data.notes, []);
    else assert.match(data.notes.join("\n"), note);
  });

test("tags that are numbers need names beside them", async () => {
  const content = each(({ tokens, tags }) => ({ tokens, ner_tags: tags.map((tag) => NAMES.indexOf(tag)) }));
  await assert.rejects(
    loadData(await file("numbers.jsonl", content)),
    /numbers\.jsonl: column "ner_tags": expected names of tags, got numbers; put the names into labels\.txt beside the file/,
  );
  for (const [name, names] of [
    ["labels.txt", NAMES.join("\n")],
    ["id2label.json", JSON.stringify(Object.fromEntries(NAMES.map((tag, i) => [i, tag])))],
    [
      "dataset_info.json",
      JSON.stringify({ features: { tokens: {}, ner_tags: { feature: { names: NAMES, _type: "ClassLabel" } } } }),
    ],
  ] as const) {
    const here = join(folder, name.replace(".", "-"));
    await mkdir(here, { recursive: true });
    await writeFile(join(here, "train.jsonl"), content);
    await writeFile(join(here, name), names);
    const data = await loadData(join(here, "train.jsonl"), { testFraction: 0, validationFraction: 0 });
    assert.deepEqual(marked(labelledTextAt(data.train, 0)), ["PER:Bob", "LOC:New York"], name);
  }
  const here = join(folder, "labels-txt");
  await writeFile(join(here, "train.jsonl"), '{"tokens":["a"],"ner_tags":[9]}\n');
  await assert.rejects(loadData(join(here, "train.jsonl")), /expected a number below 5, the names of tags, got 9/);
});

test("Label Studio counts as JavaScript does where what it covers says so", () => {
  const text = "😀 Ana";
  const row = { text, label: [{ start: 3, end: 6, text: "Ana", labels: ["PER"] }] };
  assert.deepEqual(marked(parseSpanLines(JSON.stringify(row), "f").texts[0] as LabelledText), ["PER:Ana"]);
});

test("rows of tokens that do not fit are refused with their place", async () => {
  const good = '{"tokens":["a","b"],"ner_tags":["B-X","O"]}\n';
  for (const [bad, expected] of [
    ['{"tokens":["a","b"],"ner_tags":["O"]}\n', /line 2: expected a tag for each of 2 tokens, got 1/],
    ['{"text":"a"}\n', /line 2: expected lists of tokens and tags, got another row/],
    ['{"tokens":["a"],"ner_tags":["I-X"]}\n', /line 2: expected B-X before I-X, got nothing/],
    ['{"tokens":["a"]', /line 2: expected JSON, got text that does not parse/],
  ] as const)
    await assert.rejects(loadData(await file("bad.jsonl", good + bad)), expected);
});
