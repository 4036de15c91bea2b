import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { zip } from "../archives.test.util.js";
import { loadData } from "../load-node.js";
import { readBoth, readTable } from "./table-node.js";

const BOOKS = resolve(import.meta.dirname, "../../../../test/fixtures/workbooks");
const book = (name: string): string => join(BOOKS, `${name}.xlsx`);
const FOLDER = mkdtempSync(join(tmpdir(), "descent-excel-"));
after(() => rmSync(FOLDER, { recursive: true, force: true }));

test("a workbook reads as a CSV file of its cells does", async () => {
  const { raw, data, schema } = await readBoth(book("plain"), {});
  // What scripts/golden/workbooks.py has written.
  const days = Array.from({ length: 12 }, (_, i) => new Date(Date.UTC(2024, 0, 28 + i)).toISOString().slice(0, 10));
  const expected = days.map((day, i) => ({
    size: String(i * 0.5 - 1),
    colour: i === 2 ? null : i % 2 ? "red" : "blau",
    "sold on": i === 3 ? `${day} 06:00:00` : day,
    at: `0${7 + (i % 3)}:30:00`,
    new: String(i % 2 === 0),
    code: `00${i % 4}`,
    label: i > 5 ? "yes" : "no",
  }));
  assert.deepEqual(
    expected.map((_, i) => raw.row(i)),
    expected,
  );
  assert.deepEqual(
    schema?.fields.map(({ type }) => type).filter((type) => type !== "category"),
    ["number", "date", "date", "boolean", "boolean"],
  );
  assert.equal(data.length, 12);
  const path = join(FOLDER, "same.csv");
  const cells = expected.map((row) => Object.values(row).map((cell) => cell ?? ""));
  writeFileSync(path, [Object.keys(expected[0] as object), ...cells].map((row) => row.join(",")).join("\n"));
  assert.deepEqual((await readTable(path)).schema?.fields, schema?.fields);
});

test("titles, empty rows and columns are no part of the table; rows are named as the sheet counts them", async () => {
  const read = await readTable(book("report"));
  assert.deepEqual(read.data.names, ["n", "twice", "label"]);
  assert.deepEqual([...read.data.tensor("n").data], [0.25, 1.25, 2.25, 3.25, 4.25, 5.25]);
  assert.equal(read.data.row(1)["twice"], null);
  assert.match(read.notes.join("\n"), /the first line is no part of the table/);
  const { schema } = await readTable(book("report"), { columnTypes: { n: "number" } });
  assert.ok(schema !== undefined);
  const fields = schema.fields.map((field) =>
    field.name === "label" ? { type: "number" as const, name: "label", decimal: "." as const, integer: false } : field,
  );
  await assert.rejects(
    readTable(book("report"), { schema: { ...schema, fields } }),
    /report\.xlsx: column "label", row 1 \(line 4\): expected a number, got "no"/,
  );
});

test("numbers of a workbook are numbers to a model whose training table had decimal commas", async () => {
  const path = join(FOLDER, "comma.csv");
  writeFileSync(path, "n;twice;label\n0,25;1,5;no\n1,125;2,5;yes\n");
  const { schema } = await readTable(path);
  assert.ok(schema !== undefined);
  const { data } = await readTable(book("report"), { schema });
  assert.deepEqual([...data.tensor("n").data], [0.25, 1.25, 2.25, 3.25, 4.25, 5.25]);
});

test("of several sheets one is chosen; loadData takes workbooks, and folders of them", async () => {
  await assert.rejects(
    readTable(book("several")),
    /several\.xlsx: expected one sheet, got 2: "Jan & Feb", "März"; choose one \(--sheet\)/,
  );
  assert.equal((await readTable(book("several"), { sheet: "März" })).data.length, 5);
  await assert.rejects(readTable(book("several"), { sheet: "Marz" }), /unknown sheet "Marz"; did you mean "März"\?/);
  assert.equal((await loadData(book("plain"))).task, "tabular-classification");
  for (const part of ["train", "test"]) writeFileSync(join(FOLDER, `${part}.xlsx`), readFileSync(book("plain")));
  assert.equal((await loadData(FOLDER)).test.length, 12);
});

test("what cannot be read of a workbook is said in one line", async () => {
  await assert.rejects(
    readTable(book("formulas")),
    /sheet "S": expected values, got 4 formulas without any \(B2, …\); open the workbook/,
  );
  await assert.rejects(
    readTable(book("locked")),
    /locked\.xlsx: expected a table, got a workbook with a password; save it without one/,
  );
  await assert.rejects(readTable(book("plain"), { delimiter: ";" }), /expected no --delimiter, which is for CSV and TSV files/);
  const csv = join(FOLDER, "text.csv");
  writeFileSync(csv, "a,b\n1,2\n");
  await assert.rejects(readTable(csv, { sheet: "A" }), /expected no --sheet, which is for Excel workbooks/);
  writeFileSync(join(FOLDER, "text.xlsx"), "a,b\n1,2\n");
  await assert.rejects(readTable(join(FOLDER, "text.xlsx")), /expected an Excel workbook \(\.xlsx\), got other bytes/);
  writeFileSync(join(FOLDER, "book.csv"), readFileSync(book("plain")));
  await assert.rejects(readTable(join(FOLDER, "book.csv")), /got a zip file; unpack it, or name a workbook \.xlsx/);
  const other = join(FOLDER, "other.xlsx");
  writeFileSync(other, zip([["a.txt", Buffer.from("a")]]));
  await assert.rejects(readTable(other), /expected an Excel workbook \(\.xlsx\), got a zip file without one/);
});

/** A workbook of one sheet with these cells. */
const sheetOf = (cells: string): Buffer =>
  zip(
    (
      [
        ["xl/workbook.xml", '<workbook><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'],
        [
          "xl/_rels/workbook.xml.rels",
          '<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        ],
        ["xl/worksheets/sheet1.xml", `<worksheet><sheetData>${cells}</sheetData></worksheet>`],
      ] as const
    ).map(([name, xml]) => [name, Buffer.from(xml)] as const),
  );

test("a sheet that claims rows beyond Excel's does not fill the memory", async () => {
  const path = join(FOLDER, "huge.xlsx");
  const row = (r: number): string => `<row r="${r}"><c r="A${r}"><v>1</v></c></row>`;
  writeFileSync(path, sheetOf(row(1) + row(4_000_000_000)));
  await assert.rejects(readTable(path), /expected at most 1048576 rows and 16384 columns, got 4000000000 and 1/);
  writeFileSync(path, sheetOf('<row r="1"><c r="ZZZZZ1"><v>1</v></c></row>'));
  await assert.rejects(readTable(path), /expected at most 1048576 rows and 16384 columns, got 1 and 12356630/);
  writeFileSync(path, sheetOf('<row r="1"><c r="XFD1"><v>1</v></c></row><row r="1000000"><c r="A1000000"><v>1</v></c></row>'));
  await assert.rejects(
    readTable(path),
    /expected at most 67108864 cells, got 1000000 rows of 16384; delete what stands far outside/,
  );
});
