/**
 * @module The tables in `../shared/cases` through the command line: each comes out as its README says is right. The folder lies beside the repository where it is
 * developed; elsewhere the kinds are tested by `src/data/schema/cells.test.ts` and `src/data/csv/files.test.ts` alone.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run, succeeds } from "./command.js";

const CASES = resolve(fileURLToPath(new URL("../../../../shared/cases/tables", import.meta.url)));
const skip = existsSync(CASES) ? false : `${CASES} is not there: the cases of tables were NOT checked`;

const folder = mkdtempSync(join(tmpdir(), "descent-cases-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const SHORT = ["--steps", "30", "--no-check", "--device", "cpu", "--threads", "1"];
const at = (name: string): string => join(CASES, name);

interface Run {
  readonly info: {
    readonly classes: readonly string[];
    readonly textColumn?: string;
    readonly labelColumn?: string;
    readonly preprocessing?: {
      readonly encoders: readonly { readonly name: string; readonly kind: string; readonly categories?: readonly string[] }[];
    };
  };
  readonly notes: readonly string[];
}
const config = (name: string): Run => JSON.parse(readFileSync(join(folder, name, "config.json"), "utf8")) as Run;
const kinds = (name: string): Record<string, string> =>
  Object.fromEntries(config(name).info.preprocessing?.encoders.map((encoder) => [encoder.name, encoder.kind]) ?? []);
const train = (task: string, file: string, out: string, ...more: readonly string[]) =>
  succeeds(folder, ["train", task, "--data", at(file), "--out", out, ...SHORT, ...more]);
const classify = (file: string, out: string, label = "churned") =>
  train("tabular-classification", file, out, "--label-column", label);

describe("tables that people hand in", { skip }, () => {
  for (const [file, first, second] of [
    ["labels-yes-no.csv", "no", "yes"],
    ["labels-t-f.csv", "F", "T"],
    ["labels-y-n.csv", "N", "Y"],
    ["labels-with-spaces.csv", "no", "yes"],
  ] as const)
    test(`${file}: labels as they are written`, async () => {
      await classify(file, file);
      assert.deepEqual(config(file).info.classes, [first, second]);
      assert.ok(readFileSync(join(folder, file, "model.onnx")).includes(`"classes":["${first}","${second}"]`));
      const { stdout } = await succeeds(folder, ["predict", file, "age=30", "spend=1806.86", "plan=plus", "--json"]);
      const [answer] = JSON.parse(stdout) as { prediction: string; probabilities: Record<string, number> }[];
      assert.deepEqual(Object.keys(answer?.probabilities ?? {}), [first, second]);
      assert.ok(answer?.prediction === first || answer?.prediction === second);
    });

  test("adult-style.csv: blanks do not count, ? is missing", async () => {
    await classify("adult-style.csv", "adult", "income");
    const { info, notes } = config("adult");
    assert.deepEqual(info.classes, ["<=50K", ">50K"]);
    const work = info.preprocessing?.encoders.find(({ name }) => name === "workclass");
    assert.ok(work?.categories?.includes("Private") === true && !work.categories.includes("?"));
    assert.match(notes.join("\n"), /"\?" counts as missing \(39 rows/);
  });

  for (const file of [
    "decimal-comma.csv",
    "decimal-comma-thousands.csv",
    "numbers-with-spaces.csv",
    "sep-hint.csv",
    "mixed-line-ends.csv",
  ].concat("excel-unicode-text.txt", "utf16-commas.csv"))
    test(`${file}: 120 rows, two numbers and a category`, async () => {
      const { stderr } = await classify(file, file);
      assert.match(stderr, /97 training, 11 validation, 12 test examples/);
      assert.deepEqual(kinds(file), { age: "number", spend: "number", plan: "oneHot" });
    });

  test("currency-percent.csv: amounts and percentages, as features and as a target", async () => {
    await classify("currency-percent.csv", "currency");
    assert.deepEqual(kinds("currency"), { age: "number", spend: "number", discount: "number", plan: "oneHot" });
    assert.match(config("currency").notes.join("\n"), /"25%" are read as 25/);
    await train("tabular-regression", "currency-percent.csv", "spend", "--label-column", "spend");
  });

  test("gbk.csv and latin1-header.csv: read, and said", async () => {
    await classify("gbk.csv", "gbk", "流失");
    assert.deepEqual(config("gbk").info.classes, ["否", "是"]);
    assert.match(config("gbk").notes.join("\n"), /read as GB18030/);
    await train("tabular-regression", "latin1-header.csv", "latin");
    assert.match(config("latin").notes.join("\n"), /read as Windows-1252/);
    assert.match(config("latin").notes.join("\n"), /column "âge" is taken for what is to be predicted/);
  });

  test("rare-class.csv: kept for training on every seed", async () => {
    for (const seed of ["1", "2", "3"]) {
      await train("tabular-classification", "rare-class.csv", `rare-${seed}`, "--label-column", "churned", "--seed", seed);
      assert.match(config(`rare-${seed}`).notes.join("\n"), /class "maybe" has 1 example, which is kept for training/);
    }
  });

  test("infinite-target.csv, and a yes/no label as a quantity: one line", async () => {
    const infinite = await run(folder, [
      "train",
      "tabular-regression",
      "--data",
      at("infinite-target.csv"),
      "--label-column",
      "rent",
      "--out",
      "x",
    ]);
    assert.deepEqual(
      [infinite.status, infinite.stderr],
      [2, 'descent: column "rent", row 8 (line 9): expected a finite number, got inf\n'],
    );
    const words = await run(folder, [
      "train",
      "tabular-regression",
      "--data",
      at("labels-yes-no.csv"),
      "--label-column",
      "churned",
      "--out",
      "x",
    ]);
    assert.equal(words.status, 2);
    assert.match(
      words.stderr,
      /^descent: column "churned": expected numbers to predict, got no, yes; tabular-classification predicts classes\n$/,
    );
  });

  for (const name of ["constructor", "toString", "__proto__"])
    test(`column-${name}.csv: a column like any other`, async () => {
      await classify(`column-${name}.csv`, name, "label");
      const { stdout } = await succeeds(folder, ["predict", name, `${name}=red`, "points=3", "--json"]);
      const [answer] = JSON.parse(stdout) as Record<string, unknown>[];
      assert.ok(answer !== undefined && Object.hasOwn(answer, name) && answer[name] === "red");
    });

  test("texts: without a header, and in two columns", async () => {
    await train("text-classification", "no-header-news.csv", "news");
    assert.deepEqual([config("news").info.labelColumn, config("news").info.classes.length], ["column0", 4]);
    assert.equal(config("news").info.textColumn, "column1,column2");
    await train("text-classification", "two-text-columns.csv", "reviews", "--label-column", "stars");
    assert.match(config("reviews").notes.join("\n"), /texts are read from columns "title", "review"; --text-column/);
  });

  test("--init by the names of columns and classes", async () => {
    const accuracy = (name: string): number =>
      (JSON.parse(readFileSync(join(folder, name, "summary.json"), "utf8")) as { metrics: { train: { accuracy: number } } })
        .metrics.train.accuracy;
    const start = ["train", "tabular-classification", "--device", "cpu", "--threads", "1"];
    await succeeds(folder, [...start, "--data", at("init-first.csv"), "--steps", "300", "--out", "first"]);
    assert.equal(accuracy("first"), 1);
    const again = [...start, "--init", "first", "--steps", "1", "--lr", "1e-9", "--no-check"];
    await succeeds(folder, [...again, "--data", at("init-columns-swapped.csv"), "--out", "swapped"]);
    assert.equal(accuracy("swapped"), 1);
    const { stderr } = await succeeds(folder, [...again, "--data", at("init-other-class-names.csv"), "--out", "renamed"]);
    assert.match(stderr, /classes "A-safe", "B-risky" of these data are not in it, and start anew/);
  });
});

test("a sum below the rows trains nothing, gets no answer, and is said", async () => {
  const rows = Array.from({ length: 40 }, (_, i) => `p${i},${20 + i},${1000 + 7 * i}.5`);
  const spend = rows.reduce((sum, row) => sum + Number(row.split(",")[2]), 0);
  writeFileSync(join(folder, "sums.csv"), `name,age,spend\n${rows.join("\n")}\nTotal,${rows.length * 39.5},${spend}\n`);
  const more = ["--data", "sums.csv", "--label-column", "spend", "--out", "sums", ...SHORT];
  const trained = await succeeds(folder, ["train", "tabular-regression", ...more]);
  assert.match(trained.stderr, /32 training, 4 validation, 4 test examples/);
  assert.match(trained.stderr, /"Total" \(row 41 \(line 42\)\) adds up other rows and is left out/);
  writeFileSync(join(folder, "ask.csv"), "name,age\na,20\nb,30\nc,41\nTotal,91\n");
  const { stdout, stderr } = await succeeds(folder, ["predict", "sums", "ask.csv", "--json"]);
  assert.equal((JSON.parse(stdout) as unknown[]).length, 3);
  assert.match(stderr, /"Total" \(row 4 \(line 5\)\) adds up other rows and is left out/);
});

describe("dates in the order that was learned", { skip }, () => {
  before(async () => {
    for (const order of ["day", "month"])
      await succeeds(
        folder,
        ["train", "tabular-regression", "--data", at(`dates-${order}-first.csv`), "--label-column", "sales"].concat([
          "--steps",
          "300",
          "--no-check",
          "--device",
          "cpu",
          "--threads",
          "1",
          "--out",
          order,
        ]),
      );
  });
  /** The days of a prediction as they were given, and the sales. */
  const answered = async (inputs: readonly string[], zone = "UTC"): Promise<[string, number][]> => {
    const { stdout } = await succeeds(folder, ["predict", ...inputs, "--json"], { TZ: zone });
    const answers = JSON.parse(stdout) as { day: string; predicted_sales: number }[];
    return answers.map(({ day, predicted_sales }) => [day, predicted_sales]);
  };
  /** Answers as those to the same days, written so that nothing is to be guessed. */
  const sameAs = async (model: string, found: readonly [string, number][], days: readonly (readonly [string, string])[]) => {
    assert.deepEqual(
      found.map(([day]) => day),
      days.map(([given]) => given),
    );
    for (const [i, [, day]] of days.entries()) assert.equal(found[i]?.[1], (await answered([model, `day=${day}`]))[0]?.[1], day);
  };
  const FIRST = at("dates-first-of-months.csv");
  const EUROPEAN = [
    ["03/12/2023", "2023-12-03"],
    ["05/11/2023", "2023-11-05"],
  ] as const;
  const AMERICAN = [
    ["03/12/2023", "2023-03-12"],
    ["05/11/2023", "2023-05-11"],
  ] as const;
  const EARLY = [
    ["12/03/2023", "2023-12-03"],
    ["11/05/2023", "2023-11-05"],
  ] as const;
  const rows: readonly [string, readonly [string, string], readonly (readonly [string, string])[]][] = [
    ["day first", ["day", FIRST], EUROPEAN],
    ["month first", ["month", FIRST], AMERICAN],
    ["month first, early", ["month", at("dates-month-first-early.csv")], EARLY],
    ["JSON lines", ["day", at("dates-first-of-months.jsonl")], EUROPEAN],
    ["the command line", ["day", "day=03/12/2023"], EUROPEAN.slice(0, 1)],
    ["SQL", ["day", `SELECT * FROM read_csv('${FIRST}', all_varchar = true)`], EUROPEAN],
  ];
  for (const [name, inputs, days] of rows)
    test(name, async () => {
      await sameAs(inputs[0], await answered(inputs), days);
      await sameAs(inputs[0], await answered(inputs, "America/Los_Angeles"), days);
    });

  test("a date of another order is refused with its row, or left out and counted", async () => {
    const refused = await run(folder, ["predict", "day", at("dates-wrong-order.csv")]);
    assert.equal(refused.status, 2);
    assert.match(
      refused.stderr,
      /^descent: \S+dates-wrong-order\.csv: column "day", row 2 \(line 3\): expected a date, day first.*\n$/,
    );
    const kept = await answered(["day", at("dates-wrong-order.csv"), "--skip-bad-rows"]);
    await sameAs("day", kept, [["12/03/2023", "2023-03-12"]]);
  });
});
