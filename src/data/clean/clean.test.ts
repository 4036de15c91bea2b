import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import sharp from "sharp";
import { DataError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import { importData } from "../import-node.js";
import { loadData } from "../load-node.js";
import { cleanData } from "./clean-node.js";
import { chooseBands, nearDuplicates } from "./near-duplicates.js";
import { isIban, isLuhn, isMojibake, isResidentId, maskPersonalData, personalData } from "./personal-data.js";
import { jaccard, TokenSetBuilder } from "./token-sets.js";

let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "clean-"))));
after(() => rm(folder, { recursive: true, force: true }));
const at = (...names: string[]): string => join(folder, ...names);

suite("near duplicates of texts", () => {
  test("every pair of a sample that exact Jaccard finds is found, and no other", () => {
    const random = new Random(3, "texts");
    const word = (): string => `w${Math.floor(random.uniform() ** 2 * 800)}`;
    const texts: string[] = [];
    for (let i = 0; i < 1500; i++) {
      const words = Array.from({ length: 8 + random.integer(12) }, word);
      texts.push(words.join(" "));
      if (i % 5 > 0) continue;
      // One or two words are changed: near or not, as it comes.
      for (let k = 0; k <= random.integer(2); k++) words[random.integer(words.length)] = word();
      texts.push(words.join(" "));
    }
    const builder = new TokenSetBuilder();
    for (const text of texts) builder.add(text);
    const sets = builder.finish();
    const { clusterOf, pairs } = nearDuplicates(sets, { threshold: 0.8, permutations: 64 });
    for (const { a, b, similarity } of pairs) {
      assert.equal(similarity, jaccard(sets, a, b));
      assert.ok(similarity >= 0.8);
    }
    let [all, found] = [0, 0];
    for (let a = 0; a < texts.length; a++)
      for (let b = a + 1; b < texts.length; b++) {
        if (jaccard(sets, a, b) < 0.8) continue;
        all++;
        if (clusterOf[a] === clusterOf[b]) found++;
      }
    assert.ok(all > 100, `${all} pairs to be found`);
    assert.ok(found >= 0.95 * all, `${found} of ${all}`);
  });

  test("bands find a pair at the threshold with a chance of 0.97, and are as selective as that allows", () => {
    for (const threshold of [0.5, 0.7, 0.8, 0.9]) {
      const { bands, rows } = chooseBands(threshold, 128);
      assert.ok(1 - (1 - threshold ** rows) ** bands >= 0.97);
      const next = Math.floor(128 / (rows + 1));
      assert.ok(1 - (1 - threshold ** (rows + 1)) ** next < 0.97);
    }
  });

  test("tokens: words without case and width, pairs of ideographs, nothing else", () => {
    const sizes = (text: string): number => new TokenSetBuilder().add(text);
    assert.deepEqual(["Hello, hello HELLO!", "你好世界", "你", "ﬁne fine", "a-b", "…"].map(sizes), [1, 3, 1, 1, 2, 0]);
  });
});

suite("personal data", () => {
  test("checksums: Luhn, ISO 7064 MOD 11-2 with a day of birth, modulo 97", () => {
    assert.ok(isLuhn("4111111111111111") && !isLuhn("4111111111111112"));
    assert.ok(isResidentId("11010519491231002X") && isResidentId("440524188001010014"));
    assert.ok(!isResidentId("110105194912310021") && !isResidentId("11010519491331002X"));
    assert.ok(isIban("DE89 3704 0044 0532 0130 00") && isIban("GB82WEST12345698765432") && !isIban("GB82WEST12345698765431"));
  });

  test("found in texts of several scripts, and not where numbers are only numbers", () => {
    const cases: [string, string][] = [
      ["write to a.b+c@mail.example.co.uk, or call +49 30 1234567", "write to [email], or call [phone]"],
      ["我的身份证11010519491231002X，电话13800138000", "我的身份证[resident-id]，电话[phone]"],
      ["身份证号：１１０１０５１９４９１２３１００２Ｘ，邮箱ａ＠ｂｃ．ｃｏｍ", "身份证号：[resident-id]，邮箱[email]"],
      ["from 192.168.1.20 and 2001:db8::1: down at 12:30:45, in a::b and std::abs::c1", "from [ip] and [ip]: down at 12:30:45, in a::b and std::abs::c1"], // prettier-ignore
      ["card 4111 1111 1111 1111, not 4111 1111 1111 1112", "card [card], not 4111 1111 1111 1112"],
      ["IBAN DE89 3704 0044 0532 0130 00.", "IBAN [iban]."],
      ["(555) 123-4567 and 010-88888888", "[phone] and [phone]"],
      ["on 2024-01-31 at 10:30, 1,234,567.89 of 3.14159265; order 20240131123456", ""],
      ["a@b, @someone, x@localhost", ""],
    ];
    for (const [text, masked] of cases) assert.equal(maskPersonalData(text), masked === "" ? text : masked);
    // Time is linear in what a stranger writes.
    const long = `${"1-".repeat(50_000)}x@${"a.".repeat(50_000)}`;
    const start = performance.now();
    personalData(long);
    assert.ok(performance.now() - start < 2000);
  });

  test("text of a wrong encoding", () => {
    for (const text of ["GrÃ¶ÃŸe", "donâ€™t", "锟斤拷", "a\ufffdb"]) assert.ok(isMojibake(text), text);
    for (const text of ["Größe", "don’t", "Ângela", "naïve café", "中文"]) assert.ok(!isMojibake(text), text);
  });
});

suite("tables", () => {
  const long = (i: number): string => `In town${i} on day${i * 7} a person${i * 3} saw the thing${i} fly`;
  const row = (text: string, label: string): string => `"${text}",${label}\n`;

  test("duplicates, leaks, conflicts and empty texts go; what is measured on stays", async () => {
    await mkdir(at("parts"));
    const unique = Array.from({ length: 40 }, (_, i) => row(long(i), i % 2 === 0 ? "a" : "b"));
    const train = [
      ...unique,
      row(long(3), "b"),
      row(long(4), "b"),
      row(`${long(5)} indeed`, "b"),
      row("", "a"),
      row(long(100), "a"),
    ];
    await writeFile(at("parts", "train.csv"), `text,label\n${train.join("")}`);
    await writeFile(
      at("parts", "test.csv"),
      `text,label\n${row(long(100), "a")}${row(long(101), "b")}${row("mail me@example.org now please do", "b")}`,
    );
    const before = await readFile(at("parts", "train.csv"));
    const report = await cleanData(at("parts"), { out: at("cleaned"), maskPersonalData: true });
    const counts = { "exact-duplicate": 2, "near-duplicate": 1, leak: 1, conflict: 1, empty: 1, mojibake: 0, broken: 0 };
    assert.deepEqual(report.counts, counts);
    assert.equal(report.after, report.before - 5);
    const leak = report.findings.find(({ kind }) => kind === "leak");
    assert.deepEqual([leak?.part, leak?.row, leak?.of], ["train", 45, { part: "test", row: 1 }]);
    assert.deepEqual(report.personal, [{ column: "text", rows: { email: 1 }, first: [{ part: "test", row: 3 }] }]);
    assert.deepEqual(await readFile(at("parts", "train.csv")), before);
    const cleaned = await loadData(at("cleaned"), { validationFraction: 0 });
    assert.equal(cleaned.train.length, 40);
    assert.equal(cleaned.test.texts("text")[2], "mail [email] now please do");
    await assert.rejects(cleanData(at("parts"), { out: at("cleaned") }), /new or empty/);
  });
});

suite("images", () => {
  const picture = (seed: number, width = 96): Promise<Buffer> => {
    const random = new Random(seed, "picture");
    const data = Buffer.from(Array.from({ length: 8 * 8 * 3 }, () => random.integer(256)));
    return sharp(data, { raw: { width: 8, height: 8, channels: 3 } })
      .resize(width, width, { kernel: "cubic" })
      .jpeg({ quality: 92 })
      .toBuffer();
  };

  test("equal, resized, leaked and broken images are found, and different ones kept", async () => {
    for (const name of ["train/cat", "train/dog", "test/cat"]) await mkdir(at("photos", name), { recursive: true });
    for (let i = 0; i < 12; i++)
      await writeFile(at("photos", "train", i % 2 === 0 ? "cat" : "dog", `${i}.jpg`), await picture(i));
    await writeFile(at("photos", "train", "cat", "again.jpg"), await picture(0));
    await writeFile(
      at("photos", "train", "dog", "smaller.jpg"),
      await sharp(await picture(1))
        .resize(64, 64)
        .jpeg({ quality: 60 })
        .toBuffer(),
    );
    await writeFile(
      at("photos", "test", "cat", "seen.jpg"),
      await sharp(await picture(2))
        .jpeg({ quality: 70 })
        .toBuffer(),
    );
    await writeFile(at("photos", "test", "cat", "new.jpg"), await picture(99));
    await writeFile(at("photos", "train", "dog", "cut.jpg"), (await picture(50)).subarray(0, 600));
    const { counts, after, before } = await cleanData(at("photos"), { out: at("photos-clean") });
    assert.deepEqual(
      [counts["exact-duplicate"], counts["near-duplicate"], counts.leak, counts.broken, counts.conflict],
      [1, 1, 1, 1, 0],
    );
    assert.equal(after, before - 4);
    const cleaned = await loadData(at("photos-clean"), { validationFraction: 0 });
    assert.equal(cleaned.train.length + cleaned.test.length, after);
  });
});

suite("import", () => {
  test("other encodings become UTF-8, plain tables keep their bytes, texts become rows", async () => {
    const german = "wort;zahl\nGröße;1\nStraße;2\n";
    await writeFile(
      at("latin.csv"),
      Uint8Array.from(german, (c) => c.charCodeAt(0)),
    );
    const imported = await importData([at("latin.csv")], { out: at("i1") });
    assert.deepEqual(imported.counts, { rows: 2, files: 1 });
    assert.equal(await readFile(at("i1", "latin.csv"), "utf8"), '"wort","zahl"\n"Größe","1"\n"Straße","2"\n');
    assert.match(imported.decisions.join(), /Windows-1252|ISO-8859/);
    await importData([at("i1", "latin.csv")], { out: at("i2") });
    assert.deepEqual(await readFile(at("i2", "latin.csv")), await readFile(at("i1", "latin.csv")));
    await writeFile(at("lines.txt"), "one\n\ntwo\r\nthree");
    await importData([at("lines.txt")], { out: at("i3") });
    assert.equal(await readFile(at("i3", "lines.csv"), "utf8"), '"text"\n"one"\n"two"\n"three"\n');
  });

  test("tables of the same columns are joined, parts stay apart, other columns are refused", async () => {
    await writeFile(at("jan.csv"), "a,b\n1,x\n");
    await writeFile(at("feb.csv"), "a,b\n2,y\n");
    await importData([at("jan.csv"), at("feb.csv")], { out: at("i4") });
    assert.equal(await readFile(at("i4", "data.csv"), "utf8"), '"a","b","source"\n"1","x","jan.csv"\n"2","y","feb.csv"\n');
    await writeFile(at("other.csv"), "c\n1\n");
    await assert.rejects(importData([at("jan.csv"), at("other.csv")], { out: at("i5") }), /expected the columns a, b/);
    await assert.rejects(readFile(at("i5", "data.csv")));
    await assert.rejects(importData(["SELECT 1; SELECT 2"], { out: at("i5") }), /one SELECT/);
    await assert.rejects(importData([at("jan.csv")], { out: at("i4") }), /new or empty/);
  });

  test("links are not followed, and an archive that climbs out of its folder is refused", async () => {
    await mkdir(at("linked"));
    await writeFile(at("linked", "a.csv"), "a\n1\n");
    await symlink("/etc/passwd", at("linked", "b.csv"));
    const { decisions } = await importData([at("linked")], { out: at("i6") });
    assert.match(decisions.join(), /1 symbolic links/);
    await assert.rejects(readFile(at("i6", "b.csv")));
    // A tar with one file called ../out.csv.
    const header = Buffer.alloc(512);
    header.write("../out.csv", 0);
    header.write("0000644\0", 100);
    header.write("00000000004\0", 124);
    header.write("        ", 148);
    header.write("0ustar\0", 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const body = Buffer.alloc(512);
    body.write("a\n1\n");
    await writeFile(at("climbs.tar"), Buffer.concat([header, body, Buffer.alloc(1024)]));
    await assert.rejects(importData([at("climbs.tar")], { out: at("i7") }), (error: unknown) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /"\.\.\/out\.csv", which leads out of it/);
      return true;
    });
    await assert.rejects(readFile(at("out.csv")));
  });
});

test("rows of one address are not the same row: without running texts, whole rows are compared", async () => {
  const rows = Array.from(
    { length: 40 },
    (_, i) => `${i},name ${i % 30},${i % 2 ? `user${i}@example.com` : "+86 13800138000"},4111`,
  );
  await writeFile(at("people.csv"), `id,name,contact,card\n${[...rows, rows[3]].join("\n")}\n`);
  const report = await cleanData(at("people.csv"), {});
  assert.deepEqual(
    report.findings.map(({ kind, row, of }) => [kind, row, of?.row]),
    [["exact-duplicate", 41, 4]],
  );
});
