/**
 * @module Readers of data sets: tables, texts, annotations, archives.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { jsonRows } from "../../src/data/text/json-rows.js";
import { looksLabelled, parseLabelledLines } from "../../src/data/text/fasttext.js";
import { parseRasa } from "../../src/data/text/rasa.js";
import { parseTokenRows, sentencesIn } from "../../src/data/text/token-rows.js";
import { loadData, parseConll, parseIdx, parsePropositions, parseSpanLines, readTable } from "../../src/data/node.js";
import { archiveTree } from "../../src/data/images/file-tree-node.js";
import { readStandoff } from "../../src/data/text/standoff-node.js";
import { archiveFiles } from "../../src/data/images/archive-node.js";
import { parseCifar } from "../../src/data/images/cifar.js";
import { tarFiles } from "../../src/data/images/tar.js";
import { decodeUtf8 } from "../../src/data/text/lines.js";
import { unwrapGzip } from "../../src/data/files-node.js";
import { zipFiles } from "../../src/data/zip-node.js";
import { loadVectors } from "../../src/text/vectors-node.js";
import type { ParseAnnotations } from "../../src/vision/annotations/index.js";
import {
  boxesIn,
  noFaults,
  parseBoxTable,
  parseCoco,
  parseCreateMl,
  parseLabelMe,
  parseLabelStudio,
  parseVia,
  parseVoc,
  parseYolo,
  parseYoloNames,
  usableBoxes,
} from "../../src/vision/annotations/index.js";
import { recordsOf } from "../../src/data/csv/records.js";
import type { Mutate } from "./mutate.js";
import { anyBytes, anyJson, anyJsonLines, anyLines, anyTokens, bytesOf, textOf } from "./mutate.js";
import { anyTar, anyZip, inGzip, zipOf } from "./mutate-binary.js";
import type { FuzzReader } from "./reader.js";
import { QUICK, SLOW } from "./reader.js";
import { sizeOf } from "../../src/graph/index.js";

const CSV = [
  'date,amount,name,label\n2024-01-31,"1,806.86","O\'Neil, ""Bob""",yes\n2024-02-28,$7.5,é,no\n2024-03-01,,x,yes\n2024-03-02,10%,"a\nb",no\n',
  "a;b;c\n1,5;x;T\n2,25;y;F\n-3,0;;T\n",
  "constructor,__proto__,toString\n1,2,a\n3,4,b\n",
  'w,n,m,t\n70 kg,1.2k,Jan 2023,"say \\"hi\\""\n71.5 kg,3 M,2023年2月,"b, c"\n72 kg,900,Q3 2023,"\\\\"\n',
  " 1.5  8   307\tred\n 2.5  4   120\tblue\n 3.5  6   99\tred\n",
].map(bytesOf);
const LABELLED = bytesOf(
  `text,n,label\n${Array.from({ length: 24 }, (_, i) => `"${i % 2 === 0 ? "a good film" : "one bad film"} no ${i}",${i * 1.5},${i % 2 === 0 ? "yes" : "no"}`).join("\n")}\n`,
);
const TSV = [bytesOf("id\ttext\tlabel\n1\tgood film\t1\n2\tbad film\t0\n3\t\t1\n"), bytesOf("a\tb\n1\t2\n3\t4\n")];
const JSON_LINES = [
  bytesOf('{"a":1,"b":"x","c":true,"d":null}\n{"a":2.5,"b":"y","c":false,"d":{"e":[1,2]}}\n{"a":-3,"b":"","c":true,"d":"z"}\n'),
  bytesOf('{"date":"2024-01-31","n":"1.806,86","constructor":"x"}\n{"date":"2024-02-28","n":"2,5","constructor":"y"}\n'),
];
/** One table as pandas writes it: by columns, by rows with the index apart, by index, with a schema. */
const JSON_TABLES = [
  '{"a":{"0":1,"1":2},"b":{"0":"x","1":"y"}}',
  '{"columns":["a","b"],"index":[0,1],"data":[[1,"x"],[2,"y"]]}',
  '{"0":{"a":1,"b":"x"},"1":{"a":2,"b":"y"}}',
  '{"schema":{"fields":[{"name":"index","type":"integer"},{"name":"a","type":"integer"}]},"data":[{"index":0,"a":1},{"index":1,"a":2}]}',
  '[{"a":1,"b":"x"},{"a":2,"b":null}]',
].map(bytesOf);
const CONLL = [
  bytesOf("-DOCSTART- O\n\nEU B-ORG\nrejects O\nGerman B-MISC\ncall I-MISC\n\nPeter B-PER\nBlackburn I-PER\n"),
  bytesOf("# global.columns = ID FORM X:NE\n1-2\tam\t_\n1\tan\tO\n2\tRhein\tB-LOC\n\n1\tBonn\tB-LOC\n"),
  bytesOf("1\tBonn\t_\t_\t_\t_\t_\t_\t_\tstart_char=0|ner=S-LOC\n2.1\t_\t_\t_\t_\t_\t_\t_\t_\t_\n"),
  bytesOf("张\tB-PER\n三\tE-PER\n在\tO\n北\tS-LOC\n\n李\tO\n"),
];
const LABELLED_LINES = [bytesOf("__label__good a film, seen twice\n__label__bad __label__long no\nlast __label__good\n")];
const PROPOSITIONS = [
  bytesOf(
    "# text = He goes home\n1\tHe\the\tPRON\t_\t_\t2\tnsubj\t_\t_\t_\tA0\n2\tgoes\tgo\tVERB\t_\t_\t0\troot\t_\t_\tgo.01\tV\n3\thome\thome\tADV\t_\t_\t2\tadvmod\t_\t_\t_\tA4\n\n",
  ),
  bytesOf("1\t他\t_\tn\t_\t_\t2\tS\t_\t_\tA0\n2\t去\t_\tv\t_\t_\t0\tR\tY\tgo.01\t_\n\n"),
];
const RASA = [
  ["f.yml", 'nlu:\n- intent: a\n  examples: |\n    - to [Rome](city:x) or [NY]{"entity": "city"}\n- synonym: b\n'],
  ["f.md", '## intent:a\n- to [Rome](city:x) or [NY][{"entity": "city"}]\n## synonym:b\n- c\n'],
  [
    "f.json",
    '{"rasa_nlu_data":{"common_examples":[{"text":"to 🤗 Rome","intent":"a","entities":[{"start":5,"end":9,"entity":"city"}]}]}}',
  ],
] as const;
const MARKS = anyTokens(/[\w.-]+|\s+|[^\w\s]/g, [
  "[",
  "](",
  ")",
  "]{",
  "}",
  "][",
  "&a ",
  "*a",
  "|\n",
  "## intent:",
  "- ",
  "<!--",
  "-->",
]);
const SPACY =
  '[{"id":0,"paragraphs":[{"raw":"Ann left","sentences":[{"tokens":[{"orth":"Ann","ner":"U-PER"},{"orth":"left"}]}]}]}]';
const SPANS = [
  bytesOf(
    '{"text":"Ann met Bob 🤗 Li","spans":[[0,3,"PER"],[8,11,"PER"],[14,16,"PER"]]}\n{"text":"No one","entities":[{"start":0,"end":2,"label":"X"}]}\n',
  ),
];
const VOC = bytesOf(
  `<?xml version="1.0"?><annotation><folder>f</folder><filename>a.jpg</filename><size><width>100</width><height>80</height><depth>3</depth></size><object><name>cat &amp; dog</name><difficult>0</difficult><bndbox><xmin>10</xmin><ymin>12.5</ymin><xmax>50</xmax><ymax>70</ymax></bndbox></object><object><name>b</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>`,
);
const COCO = bytesOf(
  JSON.stringify({
    images: [
      { id: 1, file_name: "a.jpg", width: 100, height: 80 },
      { id: 2, file_name: "b.jpg", width: 10, height: 8 },
    ],
    annotations: [
      { id: 1, image_id: 1, category_id: 1, bbox: [1, 2, 30, 40], iscrowd: 0, area: 1200 },
      { id: 2, image_id: 2, category_id: 2, bbox: [0, 0, 3, 4], segmentation: [[0, 0, 3, 0, 3, 4]] },
    ],
    categories: [
      { id: 1, name: "cat" },
      { id: 2, name: "dog" },
    ],
  }),
);
/** A training and a test table in one archive. */
const TABLE_FILES = [
  ["train.csv", LABELLED],
  ["test.csv", LABELLED],
] as const;
const FILES = [
  ["train/a.txt", bytesOf("hello ".repeat(30))],
  ["train/b.txt", bytesOf("world")],
  ["x.bin", new Uint8Array(700)],
] as const;

function idx(shape: readonly number[], code: number, width: number): Uint8Array {
  const size = sizeOf(shape);
  const bytes = Buffer.alloc(4 + 4 * shape.length + size * width, 1);
  bytes.set([0, 0, code, shape.length]);
  shape.forEach((d, i) => bytes.writeUInt32BE(d, 4 + 4 * i));
  return new Uint8Array(bytes);
}

function tar(files: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const parts = files.flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("0", 156);
    header.write("ustar\u000000", 257);
    header.fill(32, 148, 156);
    header.write(
      `${header
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return new Uint8Array(Buffer.concat([...parts, Buffer.alloc(1024)]));
}

const cifar = (): Uint8Array => Uint8Array.from({ length: 3 * 3073 }, (_, i) => (i % 3073 === 0 ? i % 10 : i % 251));

/** A small Parquet file, as DuckDB writes it. */
async function parquet(): Promise<Uint8Array[]> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const folder = mkdtempSync(join(tmpdir(), "descent-fuzz-"));
  const path = join(folder, "a.parquet");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(
    `COPY (SELECT i AS a, i * 0.5 AS b, 'text ' || i AS c, [i, i] AS d, DATE '2024-01-01' + CAST(i AS INTEGER) AS e FROM range(20) t(i)) TO '${path}' (FORMAT parquet)`,
  );
  const bytes = new Uint8Array(readFileSync(path));
  rmSync(folder, { recursive: true });
  return [bytes];
}

const XML = /<[^<>]*>|[^<>]+/g;
const XML_MORE = [
  '<!DOCTYPE a [<!ENTITY x "y">]>',
  "&x;",
  "&#0;",
  "&#x110000;",
  "<![CDATA[",
  "]]>",
  "<!--",
  "-->",
  "<a",
  "</annotation>",
  "<bndbox/>",
  "<?x?>",
];
const VIA = {
  "a.jpg1": {
    filename: "a.jpg",
    regions: [
      { shape_attributes: { name: "rect", x: 1, y: 2, width: 3, height: 4 }, region_attributes: { class: "cat" } },
      {
        shape_attributes: { name: "polygon", all_points_x: [1, 5, 9], all_points_y: [1, 9, 5] },
        region_attributes: { class: "b" },
      },
      { shape_attributes: { name: "ellipse", cx: 9, cy: 9, rx: 2, ry: 3, theta: 1 }, region_attributes: { class: { b: true } } },
    ],
  },
};
const STUDIO = [
  { x: 10, y: 20, width: 30, height: 40, rotation: 15, rectanglelabels: ["cat"] },
  { points: [[1, 2], [50, 4], [7, 80]], polygonlabels: ["b"] }, // prettier-ignore
  { x: 50, y: 50, radiusX: 9, radiusY: 5, rotation: 0, ellipselabels: ["b"] },
];
const table: ParseAnnotations = (csv, where, skip) => parseBoxTable(recordsOf(csv, { delimiter: ",", quote: '"' }), where, skip);
/** Readers of boxes: name, valid files, what changes them, the reader. */
const BOXES: readonly (readonly [string, readonly string[], Mutate, ParseAnnotations])[] = [
  [
    "labelme",
    [
      JSON.stringify({
        shapes: [
          { label: "cat", points: [[1, 2], [30, 40]], shape_type: "rectangle" }, // prettier-ignore
          { label: "b", points: [[1, 2], [30, 4], [5, 60]], shape_type: "polygon" }, // prettier-ignore
          { label: "b", points: [[9, 9], [12, 9]], shape_type: "circle" }, // prettier-ignore
          { label: "b", points: [[9, 9]], shape_type: "point" },
        ],
        imagePath: "a.jpg",
        imageWidth: 100,
        imageHeight: 80,
      }),
    ],
    anyJson,
    parseLabelMe,
  ],
  ["via", [JSON.stringify(VIA), JSON.stringify({ _via_img_metadata: VIA })], anyJson, parseVia],
  [
    "create-ml",
    ['[{"image":"a.jpg","annotations":[{"label":"cat","coordinates":{"x":10,"y":20,"width":5,"height":6}}]},{"image":"b.jpg"}]'],
    anyJson,
    parseCreateMl,
  ],
  [
    "label-studio-boxes",
    [
      JSON.stringify([
        {
          data: { image: "/data/upload/1/0a1b2c3d-a.jpg" },
          annotations: [{ result: STUDIO.map((value) => ({ type: "x", original_width: 100, original_height: 80, value })) }],
        },
        { data: { image: "b.jpg" }, annotations: [{ result: STUDIO.map((value) => ({ type: "x", value })) }] },
      ]),
      JSON.stringify([{ image: "s3://b/a.jpg", label: STUDIO }]),
    ],
    anyJson,
    parseLabelStudio,
  ],
  [
    "box-table",
    [
      "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,100,80,cat,1,2,30,40\nb.jpg,100,80,,,,,\n",
      'image_id,bbox\na,"[1, 2, 3, 4]"\nb,"[5.5, 2, 3, 4]"\n',
      "a.jpg,1,2,30,40,cat\nb.jpg,,,,,\n",
      "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\na,/m/1,0.1,0.5,0.2,0.9,1\n",
      'filename,region_shape_attributes,region_attributes\na.jpg,"{""name"":""rect"",""x"":1,""y"":2,""width"":3,""height"":4}","{""class"":""cat""}"\n',
    ],
    anyLines(/,/, 1),
    table,
  ],
];

const text = (bytes: Uint8Array): string => decodeUtf8(bytes, "f");

/** A workbook of one sheet, with texts of its own, shared ones, a date, a formula and an empty row. */
const BOOK = (
  [
    ["xl/workbook.xml", '<workbook><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'],
    [
      "xl/_rels/workbook.xml.rels",
      '<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="r3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>',
    ],
    ["xl/sharedStrings.xml", "<sst><si><t>n</t></si><si><r><t>da</t></r><r><t>y</t></r></si></sst>"],
    ["xl/styles.xml", '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'],
    [
      "xl/worksheets/sheet1.xml",
      '<worksheet><dimension ref="A1:C4"/><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>y</t></is></c></row><row r="2"><c r="A2"><v>1.5</v></c><c r="B2" s="1"><v>45322</v></c><c r="C2" t="b"><v>1</v></c></row><row r="4"><c r="A4"><f>A2*2</f><v>3</v></c><c r="B4" s="1"><v>45323</v></c><c r="C4" t="e"><v>#N/A</v></c></row></sheetData></worksheet>',
    ],
  ] as const
).map(([name, xml]) => [name, bytesOf(xml)] as const);
const BOOK_MORE = [
  ' r="A99999999999"',
  "</row>",
  '<row r="-1">',
  "<v></v>",
  "<f>1</f>",
  '<c t="s">',
  "<!ENTITY a>",
  "<sheetData>",
  "&x;",
  "__proto__",
];

export const DATA_READERS: readonly FuzzReader[] = [
  {
    name: "csv",
    ...SLOW,
    valid: () => CSV,
    structured: anyLines(/[,;]/, 1),
    read: (b, s) => readTable(s.write("a.csv", b)),
  },
  {
    name: "tsv",
    ...SLOW,
    valid: () => TSV,
    structured: anyLines(/\t/, 1),
    read: (b, s) => readTable(s.write("a.tsv", b), { skipBadRows: true }),
  },
  {
    name: "csv.gz",
    ...SLOW,
    valid: () => CSV.map((b) => new Uint8Array(gzipSync(b))),
    structured: inGzip(anyLines(/[,;]/, 1)),
    kept: 10,
    read: (b, s) => readTable(s.write("a.csv.gz", b)),
  },
  {
    name: "jsonl",
    ...SLOW,
    short: 40,
    valid: () => JSON_LINES,
    structured: anyJsonLines,
    read: (b, s) => readTable(s.write("a.jsonl", b)),
  },
  {
    name: "json-table",
    ...QUICK,
    short: 40,
    valid: () => JSON_TABLES,
    structured: anyJson,
    read: (b, s) => readTable(s.write("a.json", b)),
  },
  {
    name: "table.zip",
    ...QUICK,
    short: 40,
    valid: () => [zipOf(TABLE_FILES)],
    structured: anyZip(TABLE_FILES, anyLines(/[,;]/, 1)),
    kept: 4,
    read: (b, s) => loadData(s.write("b.zip", b), { seed: 1 }),
  },
  {
    name: "parquet",
    ...SLOW,
    short: 40,
    valid: parquet,
    structured: anyBytes(4),
    kept: 4,
    read: (b, s) => readTable(s.write("a.parquet", b)),
  },
  {
    name: "xlsx",
    ...SLOW,
    valid: () => [zipOf(BOOK)],
    structured: anyZip(BOOK, anyTokens(/<[^<>]*>|[^<>]+|"\d+"/g, BOOK_MORE)),
    kept: 4,
    read: (b, s) => readTable(s.write("a.xlsx", b)),
  },
  {
    name: "table-of-texts",
    ...SLOW,
    short: 60,
    valid: () => [LABELLED],
    structured: anyLines(/[,;]/, 1),
    read: (b, s) => loadData(s.write("b.csv", b), { seed: 1 }),
  },
  {
    name: "idx",
    ...QUICK,
    valid: () => [idx([3, 2, 2], 8, 1), idx([4], 9, 1), idx([2, 3], 13, 4)],
    structured: anyBytes(4),
    kept: 3,
    read: (b) => parseIdx(b, "f"),
  },
  {
    name: "cifar",
    ...QUICK,
    valid: () => [cifar()],
    structured: anyBytes(),
    read: (b) => parseCifar([["data_batch_1.bin", b]]),
  },
  {
    name: "gzip",
    ...QUICK,
    valid: () => [new Uint8Array(gzipSync(CSV[0] as Uint8Array))],
    structured: anyBytes(10),
    read: (b) => unwrapGzip(b, "f"),
  },
  {
    name: "zip",
    ...QUICK,
    valid: () => [zipOf(FILES)],
    structured: anyZip(FILES, anyBytes()),
    kept: 4,
    read: (b) => zipFiles(b, "f"),
  },
  { name: "tar", ...QUICK, valid: () => [tar(FILES)], structured: anyTar, kept: 257, read: (b) => [...tarFiles(b, "f")] },
  {
    name: "archive",
    ...QUICK,
    valid: () => [tar(FILES), zipOf(FILES)],
    structured: (b, r) => (b[0] === 0x50 ? anyZip(FILES, anyBytes())(b, r) : anyTar(b, r)),
    kept: 4,
    read: (b) => archiveFiles(b, "f"),
  },
  {
    name: "conll",
    ...QUICK,
    valid: () => CONLL,
    structured: anyLines(/[ \t-]/),
    read: (b) => parseConll(text(b), "f", { repair: b.length % 2 === 0 }),
  },
  {
    name: "labelled-lines",
    ...QUICK,
    valid: () => LABELLED_LINES,
    structured: anyLines(/ |__/),
    read: (b) => looksLabelled(text(b)) && parseLabelledLines(text(b), "f", { skipBadRows: b.length % 2 === 0 }),
  },
  {
    name: "propositions",
    ...QUICK,
    valid: () => PROPOSITIONS,
    structured: anyLines(/\t/),
    read: (b) => parsePropositions(text(b), "f"),
  },
  {
    name: "span-lines",
    ...QUICK,
    valid: () => SPANS,
    structured: anyJsonLines,
    read: (b) => parseSpanLines(text(b), "f", { offsets: b.length % 2 === 0 ? "utf-16" : "code-points" }),
  },
  {
    name: "standoff",
    ...QUICK,
    valid: () => [bytesOf("T1\tPER 0 3\tAnn\nT2\tLOC 7 10;11 15\tNew York\nR1\tIn Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tx\n")],
    structured: anyLines(/[\t ;]/),
    read: (b) =>
      readStandoff(
        archiveTree(
          [
            { name: "a.txt", bytes: bytesOf("Ann in\r\nNew York") },
            { name: "a.ann", bytes: b },
          ],
          "f",
        ),
        {},
      ),
  },
  {
    name: "token-rows",
    ...QUICK,
    valid: () =>
      [
        '{"tokens":["Ana","in","Rome"],"ner_tags":["B-PER","O","B-LOC"]}\n{"words":["a"],"labels":["O"]}\n',
        '[{"tokens":["Ana"],"ner_tags":[1]},{"tokens":"[\'a\' \'b\']","tags":"[0, 0]"}]',
        SPACY,
      ].map(bytesOf),
    structured: anyJsonLines,
    read: (b) => parseTokenRows(sentencesIn(jsonRows(text(b), "f")), "f", () => ["O", "B-PER"], { repair: b.length % 2 === 0 }),
  },
  {
    name: "rasa",
    ...QUICK,
    // The first byte says which of the three forms an input has.
    valid: () => RASA.map(([, content], at) => new Uint8Array([at, ...bytesOf(content)])),
    structured: (bytes, random) =>
      new Uint8Array([bytes[0] ?? 0, ...(bytes[0] === 2 ? anyJson : MARKS)(bytes.subarray(1), random)]),
    kept: 1,
    read: (b) => parseRasa(text(b.subarray(1)), RASA[(b[0] ?? 0) % RASA.length]?.[0] ?? "f.md"),
  },
  {
    name: "text-file",
    ...SLOW,
    valid: () => [...CONLL, bytesOf("Once upon a time. ".repeat(20))],
    structured: anyLines(/ /),
    read: (b, s) => loadData(s.write("a.txt", b), { seed: 1 }),
  },
  {
    name: "voc",
    ...QUICK,
    valid: () => [VOC],
    structured: anyTokens(XML, XML_MORE),
    read: (b) => usableBoxes(parseVoc(textOf(b), "f").boxes, { width: 10, height: 10 }, noFaults()),
  },
  {
    name: "coco",
    ...QUICK,
    valid: () => [COCO],
    structured: anyJson,
    read: (b) =>
      parseCoco(textOf(b), "f").annotations.map(({ boxes }) => usableBoxes(boxes, { width: 10, height: 10 }, noFaults())),
  },
  ...BOXES.map(([name, valid, structured, parse]): FuzzReader => ({
    name,
    ...QUICK,
    valid: () => valid.map(bytesOf),
    structured,
    read: (b) => {
      const skipped: string[] = [];
      for (const one of parse(textOf(b), "f", (message) => void skipped.push(message)).annotations)
        usableBoxes(boxesIn(one, { width: 100, height: 80 }), { width: 100, height: 80 }, noFaults());
    },
  })),
  {
    name: "yolo",
    ...QUICK,
    valid: () => [bytesOf("0 0.5 0.5 0.2 0.1\n1 0.1 0.2 0.3 0.4\n0 0 0 1 0 1 1 0 1\n")],
    structured: anyLines(/ /),
    read: (b) => parseYolo(textOf(b), ["a", "b"], { width: 10, height: 10 }, "f"),
  },
  {
    name: "yolo-names",
    ...QUICK,
    valid: () => [bytesOf("train: a\nnc: 2\nnames:\n  0: cat\n  1: dog\n"), bytesOf("names: [cat, 'dog', &x bird, *x]\n")],
    structured: anyTokens(/[\w']+|\s+|[^\w\s]/g, ["&a ", "*a", "!!js/function ", "<<: ", "? ", "- ", "|\n", "{", "["]),
    read: (b) => parseYoloNames(textOf(b), "data.yaml"),
  },
  {
    name: "vectors",
    ...SLOW,
    valid: () => [bytesOf("3 2\nthe 0.1 0.2\ncat -1 2e-3\ndog 1 1\n"), bytesOf("the 1 2 3\ncat 4 5 6\n")],
    structured: anyLines(/ /),
    read: (b, s) =>
      loadVectors(
        s.write("v.txt", b),
        new Map([
          ["the", 0],
          ["cat", 1],
          ["zebra", 2],
        ]),
      ),
  },
];
