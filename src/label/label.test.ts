import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sql } from "kysely";
import { openPglite, STORES } from "../store/store.test.util.js";
import { openStore, withoutPassword } from "../store/store.js";
import type { Store } from "../store/store.js";
import { Accounts, LockedError } from "./accounts.js";
import { ConflictError, decide, setGold, submit as submitTo, undo } from "./answers.js";
import type { Submission } from "./answers.js";
import { finalValue, progress, reviewItems } from "./review.js";
import { exportLabels } from "./export.js";
import { findProject, projectOf } from "./project-key.js";
import { parseCoco } from "../vision/annotations/index.js";
import { checkAnswer } from "./scheme.js";
import type { Scheme, Value } from "./scheme.js";
import { Workspace } from "./workspace.js";
import type { Annotation, Item } from "./workspace.js";

const scheme: Scheme = { kind: "text-classes", labels: [{ name: "good" }, { name: "bad" }], several: false, overlap: "none" };
const texts = ["one", "two", "three", "four"];
const classes = (label: string): Value => ({ classes: [label] });
const answer = (label: string, revision = 0, state: "submitted" | "skipped" = "submitted") => ({
  action: randomUUID(),
  value: classes(label),
  state,
  seconds: 1,
  revision,
});

const submit = async (workspace: Workspace, person: string, position: number, submission: Submission): Promise<Annotation> =>
  submitTo(workspace, person, (await workspace.find(person, position)) as Item, submission);

for (const { name, open } of STORES) {
  describe(`labelling over ${name}`, () => {
    let store: Store;
    before(async () => {
      store = await open();
    });
    after(() => store.close());

    const begin = async (overlap = 1): Promise<Workspace> => {
      const workspace = await Workspace.open(store, { id: randomUUID(), name: "p", scheme, overlap });
      await workspace.expectItems(texts.map((text) => ({ text })));
      return workspace;
    };
    const people = (): Accounts => new Accounts(store, { N: 2, r: 8, p: 1 });

    test("items are given to one person each, in their order, until all are answered", async () => {
      const workspace = await begin();
      const [a] = await workspace.next("ann");
      const [b] = await workspace.next("bob");
      assert.deepEqual([a?.position, b?.position], [0, 1]);
      await submit(workspace, "ann", 0, answer("good"));
      assert.deepEqual(
        (await workspace.next("ann", 5)).map(({ position }) => position),
        [2, 3],
      );
      await submit(workspace, "bob", 1, answer("bad"));
      await submit(workspace, "ann", 2, answer("bad"));
      await submit(workspace, "ann", 3, answer("bad", 0, "skipped"));
      assert.deepEqual(await workspace.next("bob"), []);
      const all = await progress(workspace);
      assert.deepEqual([all.items, all.finished], [4, 4]);
    });

    test("the item that teaches most is next, and with an overlap of two two people get it", async () => {
      const workspace = await begin(2);
      await workspace.db.updateTable("item").set({ priority: 1 }).where("position", "=", 2).execute();
      for (const person of ["ann", "bob"]) assert.equal((await workspace.next(person))[0]?.position, 2);
      assert.equal((await workspace.next("cho"))[0]?.position, 0);
    });

    test("a project goes on with another number of people and other instructions where they are given", async () => {
      const { project, db } = await begin();
      const again = (change: { overlap?: number; instructions?: string }): Promise<Workspace> =>
        Workspace.open(store, { id: project.id, name: "p", scheme, ...change });
      await submit(await again({}), "ann", 0, answer("good"));
      const two = await again({ overlap: 2, instructions: "Look twice." });
      assert.equal((await two.next("bob"))[0]?.position, 0);
      const kept = await again({});
      assert.deepEqual([kept.project.overlap, kept.project.instructions], [2, "Look twice."]);
      const one = await again({ overlap: 1 });
      const row = db.selectFrom("item").select("open").where("project", "=", project.id).where("position", "=", 0);
      assert.equal((await row.executeTakeFirstOrThrow()).open, 0);
      assert.equal((await progress(one)).finished, 1);
    });

    test("an answer that is sent twice is stored once; one to another revision is refused", async () => {
      const workspace = await begin();
      const first = answer("good");
      assert.equal((await submit(workspace, "ann", 0, first)).revision, 1);
      assert.equal((await submit(workspace, "ann", 0, first)).revision, 1);
      await assert.rejects(submit(workspace, "ann", 0, answer("bad")), ConflictError);
      assert.equal((await submit(workspace, "ann", 0, answer("bad", 1))).revision, 2);
      const { length } = await workspace.db
        .selectFrom("action")
        .selectAll()
        .where("project", "=", workspace.project.id)
        .execute();
      assert.equal(length, 2);
    });

    test("of two answers that one person gives at once to one item one counts", async () => {
      const workspace = await begin(2);
      const given = await Promise.allSettled(["good", "bad"].map((label) => submit(workspace, "ann", 0, answer(label))));
      const [refused, ...others] = given.filter(({ status }) => status === "rejected");
      assert.ok(refused?.status === "rejected" && refused.reason instanceof ConflictError);
      assert.equal(others.length, 0);
      assert.equal((await progress(workspace)).finished, 0);
      await submit(workspace, "bob", 0, answer("good"));
      assert.equal((await progress(workspace)).finished, 1);
    });

    test("what was undone stays undone when the answer is sent again, and when two tabs undo at once", async () => {
      const workspace = await begin();
      const sent = answer("good");
      await submit(workspace, "ann", 0, sent);
      await Promise.allSettled([undo(workspace, "ann"), undo(workspace, "ann")]);
      await assert.rejects(submit(workspace, "ann", 0, sent), ConflictError);
      assert.equal((await workspace.find("ann", 0))?.own, undefined);
      const { done } = await workspace.db
        .selectFrom("item")
        .select("done")
        .where((eb) => eb.and({ project: workspace.project.id, position: 0 }))
        .executeTakeFirstOrThrow();
      assert.equal(done, 0);
    });

    test("undo goes back action by action", async () => {
      const workspace = await begin();
      await submit(workspace, "ann", 0, answer("good"));
      await submit(workspace, "ann", 0, answer("bad", 1));
      const once = await undo(workspace, "ann");
      assert.deepEqual(once?.annotation?.value, classes("good"));
      assert.equal(once?.annotation?.revision, 3);
      assert.deepEqual(await undo(workspace, "ann"), { position: 0, annotation: undefined });
      assert.equal(await undo(workspace, "ann"), undefined);
      assert.equal((await progress(workspace)).finished, 0);
    });

    test("two people who answer at once lose nothing", async () => {
      const workspace = await begin(2);
      const all = texts.flatMap((_, position) =>
        ["ann", "bob"].map((person) => submit(workspace, person, position, answer(person === "ann" ? "good" : "bad"))),
      );
      await Promise.all(all);
      const items = await reviewItems(workspace, { from: 0, count: 10 });
      assert.deepEqual(
        items.map(({ annotations }) => annotations.length),
        [2, 2, 2, 2],
      );
      assert.equal((await progress(workspace)).finished, 4);
    });

    test("disputed items are shown, and an adjudicator's answer is final", async () => {
      const workspace = await begin(2);
      for (const [position, label] of [
        [0, "good"],
        [1, "bad"],
      ] as const) {
        await submit(workspace, "ann", position, answer("good"));
        await submit(workspace, "bob", position, answer(label));
      }
      const [disputed, ...others] = await reviewItems(workspace, { from: 0, count: 10, which: "disputed" });
      assert.deepEqual([disputed?.position, others.length], [1, 0]);
      assert.equal(disputed && finalValue(disputed), undefined);
      await decide(workspace, "owner", 1, classes("bad"));
      const items = await reviewItems(workspace, { from: 0, count: 10 });
      assert.deepEqual(items.map(finalValue), [classes("good"), classes("bad"), undefined, undefined]);
      await setGold(workspace, 0, classes("bad"));
      await assert.rejects(setGold(workspace, 9, classes("bad")), /item 10: expected one of the project's items/);
    });

    test("an invitation works once, and names are one person's", async () => {
      const accounts = people();
      const secret = await accounts.invite("annotator");
      assert.equal(await accounts.invitation(secret), "annotator");
      const { person, secret: cookie, token } = await accounts.accept(secret, "Ann", "correct horse battery");
      assert.deepEqual(await accounts.person(cookie), { person, token });
      await assert.rejects(accounts.accept(secret, "Bob", "correct horse battery"), /used or is too old/);
      await assert.rejects(accounts.accept(await accounts.invite("owner"), "Ann", "correct horse battery"), /nobody has yet/);
      await assert.rejects(accounts.accept(await accounts.invite("owner"), "Cho", "short"), /10 characters or more, got 5/);
      await accounts.signOut(cookie);
      assert.equal(await accounts.person(cookie), undefined);
      const kept = await store.db.selectFrom("sign_in").selectAll().execute();
      assert.ok(!JSON.stringify([kept, await store.db.selectFrom("person").selectAll().execute()]).includes("horse"));
    });

    test("attempts at the same time are counted, and lock even the right password", async () => {
      const accounts = people();
      await accounts.accept(await accounts.invite("annotator"), "Dee", "correct horse battery");
      await store.db.insertInto("attempt").values({ key: "name Dee", failures: 8, since: new Date().toISOString() }).execute();
      const results = await Promise.allSettled(Array.from({ length: 4 }, () => accounts.signIn("Dee", "wrong", "1.2.3.4")));
      const locked = results.filter((result) => result.status === "rejected" && result.reason instanceof LockedError);
      assert.equal(locked.length, 2);
      await assert.rejects(accounts.signIn("Dee", "correct horse battery", "9.9.9.9"), LockedError);
    });
  });
}

test("an answer and the next item take few statements: each is a way to the database and back", async () => {
  const statements: string[] = [];
  await using store = await openPglite((statement) => statements.push(statement));
  const workspace = await Workspace.open(store, { id: "p", name: "p", scheme });
  await workspace.expectItems(texts.map((text) => ({ text })));
  const [item] = await workspace.next("ann", 3);
  statements.length = 0;
  await submitTo(workspace, "ann", item as Item, answer("good"));
  assert.equal(statements.length, 6, statements.join("\n"));
  statements.length = 0;
  await workspace.next("ann", 1, [1, 2]);
  assert.equal(statements.length, 5, statements.join("\n"));
});

test("what need not be on the disk at once leaves SQLite waiting for it afterwards, also when it fails", async () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-store-"));
  try {
    await using store = await openStore(join(folder, "labels.db"));
    const synchronous = async (db: Pick<Store["db"], "getExecutor"> = store.db): Promise<unknown> =>
      (await sql<{ synchronous: number }>`pragma synchronous`.execute(db)).rows[0]?.synchronous;
    assert.equal(await store.unsynced("p", (db) => synchronous(db)), 1);
    assert.equal(await synchronous(), 2);
    await assert.rejects(
      store.unsynced("p", () => Promise.reject(new Error("on purpose"))),
      /on purpose/,
    );
    assert.equal(await synchronous(), 2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a database of a newer version, and one of something else, are refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "descent-store-"));
  try {
    const path = join(folder, "labels.db");
    {
      await using store = await openStore(path);
      await store.db
        .insertInto("kysely_migration" as never)
        .values({ name: "999-later", timestamp: "2030" })
        .execute();
    }
    await assert.rejects(openStore(path), /one with the migration "999-later"; update descentjs/);
    await assert.rejects(openStore(import.meta.filename), /expected a SQLite database/);
    await assert.rejects(
      openStore("mysql://ann:secret@host/labels"),
      /expected a SQLite file or postgres:\/\/…, got mysql:\/\/…$/,
    );
    assert.equal(withoutPassword("postgres://ann:se@c:ret@host/labels?password=x"), "postgres://ann:…@host/labels?password=…");
    assert.equal(withoutPassword("C:\\a@b.db"), "C:\\a@b.db");
    await assert.rejects(openStore("postgres://ann:secret@127.0.0.1:1/labels"), (error: Error) => {
      assert.match(error.message, /expected a PostgreSQL server that answers/);
      assert.ok(!error.message.includes("secret"));
      return true;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("values", () => {
  const spans: Scheme = { kind: "spans", labels: [{ name: "A" }, { name: "B" }], several: false, overlap: "none" };
  const text = { text: "a 👍 b c" };
  const check = (overlap: Scheme["overlap"], ...parts: readonly (readonly [number, number])[]) =>
    checkAnswer({ ...spans, overlap }, text, { spans: parts.map(([start, end]) => ({ start, end, label: "A" })) });

  for (const [overlap, parts, wrong] of [
    [
      "none",
      [
        [0, 1],
        [2, 4],
      ],
      undefined,
    ],
    [
      "none",
      [
        [0, 4],
        [2, 4],
      ],
      /do not overlap, got 0 to 4 and 2 to 4/,
    ],
    [
      "nested",
      [
        [0, 4],
        [2, 4],
      ],
      undefined,
    ],
    [
      "nested",
      [
        [0, 4],
        [2, 6],
      ],
      /inside another or beside it/,
    ],
    [
      "any",
      [
        [0, 4],
        [2, 6],
      ],
      undefined,
    ],
    ["any", [[0, 3]], /whole characters/],
    ["any", [[6, 99]], /within the text's 8 characters, got 6 to 99/],
    ["any", [[2, 2]], /within the text's/],
  ] as const) {
    test(`${overlap} ${JSON.stringify(parts)}`, () => {
      if (wrong === undefined) check(overlap, ...parts);
      else assert.throws(() => check(overlap, ...parts), wrong);
    });
  }

  test("a label that isn't there, two classes where one is asked for, a box outside", () => {
    assert.throws(() => checkAnswer(scheme, text, classes("ugly")), /one of the labels "good", "bad", got "ugly"/);
    assert.throws(() => checkAnswer(scheme, text, { classes: ["good", "bad"] }), /expected one class, got 2/);
    assert.throws(() => checkAnswer(scheme, text, { spans: [] }), /expected classes, got spans/);
    const boxes: Scheme = { ...scheme, kind: "boxes" };
    const image = { image: { file: "a.png", width: 10, height: 10 } };
    const box = { x: 5, y: 5, width: 6, height: 2, label: "good" };
    assert.throws(() => checkAnswer(boxes, image, { boxes: [box] }), /within the image's 10 × 10 pixels/);
  });
});

describe("final answers in the format of another tool", () => {
  const polygons: Scheme = { kind: "polygons", labels: [{ name: "leaf" }, { name: "stem" }], several: false, overlap: "none" };
  const folder = mkdtempSync(join(tmpdir(), "descent-label-export-"));
  after(() => rmSync(folder, { recursive: true }));
  const key = { data: join(folder, "plants"), scheme: polygons };
  const path = join(folder, "labels.db");
  const corners: [number, number][] = [
    [1, 2],
    [30.5, 4],
    [7, 40],
  ];
  before(async () => {
    await using store = await openStore(path);
    const workspace = await Workspace.open(store, { id: projectOf(key), name: key.data, scheme: polygons });
    await workspace.expectItems(["a.png", "b.png"].map((file) => ({ image: { file, width: 64, height: 48 } })));
    const value = { polygons: [{ points: corners, label: "leaf" }] };
    await submit(workspace, "ann", 0, { ...answer("leaf"), value });
  });

  test("COCO, read again by training's reader", async () => {
    const out = join(folder, "coco");
    assert.deepEqual(await exportLabels({ ...key, store: path }, out, "coco"), { items: 2, labelled: 1 });
    const read = parseCoco(readFileSync(join(out, "annotations.json"), "utf8"), "a", undefined, { outlines: true });
    assert.deepEqual(read.classes, ["leaf", "stem"]);
    assert.deepEqual(read.annotations[0]?.boxes, [{ box: [1, 2, 30.5, 40], label: "leaf", area: 554.5, outline: corners }]);
  });

  test("a folder that holds something, a format of another kind and labels of nobody are refused", async () => {
    const options = { ...key, store: path };
    await assert.rejects(exportLabels(options, folder, "yolo"), /--export: expected a folder that is new or empty/);
    await assert.rejects(exportLabels(options, join(folder, "x"), "conll"), /conll: expected a kind of spans, got polygons/);
    const before = readFileSync(path);
    await assert.rejects(exportLabels(options, path), /--export: expected a file that is not read, got .*; name another/);
    assert.deepEqual(readFileSync(path), before);
    const other = { ...options, data: join(folder, "other") };
    await assert.rejects(exportLabels(other, join(folder, "y"), "coco"), /got none; label first/);
  });
});

test("a labelling is found again however its data are spelled, unless it may be several", async () => {
  await using store = await openStore(":memory:");
  const scheme: Scheme = { kind: "text-classes", labels: [{ name: "a" }, { name: "b" }], several: false, overlap: "none" };
  const begin = async (data: string, texts: readonly string[]): Promise<string> => {
    const id = projectOf({ data, scheme });
    const workspace = await Workspace.open(store, { id, name: "r.csv", scheme });
    await workspace.expectItems(texts.map((text) => ({ text })));
    return id;
  };
  const first = await begin("r.csv", ["one", "two"]);
  assert.equal(await findProject(store, { data: "./r.csv", scheme }), first);
  assert.equal(
    await findProject(store, { data: "/moved/r.csv", scheme }, [{ text: "one" }, { text: "two" }, { text: "new" }]),
    first,
  );
  // Other items, another kind, another name: another labelling.
  const other = { data: "/other/r.csv", scheme };
  assert.equal(await findProject(store, other, [{ text: "three" }, { text: "two" }]), projectOf(other));
  const spans = { data: "./r.csv", scheme: { ...scheme, kind: "spans" as const } };
  assert.equal(await findProject(store, spans), projectOf(spans));
  assert.equal(await findProject(store, { data: "s.csv", scheme }), projectOf({ data: "s.csv", scheme }));
  const second = await begin("/other/r.csv", ["three", "two"]);
  assert.equal(await findProject(store, other), second);
  await assert.rejects(
    findProject(store, { data: "./r.csv", scheme }),
    /expected one labelling of that name, got 2; name the data/,
  );
});
