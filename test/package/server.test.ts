/**
 * @module The example server in a fresh project, and the same package required from CommonJS.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeConsumer, manifest, ROOT } from "./consumer.js";

const consumer = makeConsumer();
consumer.link(...Object.keys(manifest.optionalDependencies));
after(() => consumer.remove());
const node = (...args: string[]) =>
  spawnSync(process.execPath, args, { cwd: consumer.folder, encoding: "utf8", timeout: 120_000 });

test("the example server answers many requests at once as it answers each alone, and refuses what is no row", async () => {
  cpSync(join(ROOT, "examples", "server"), consumer.folder, { recursive: true });
  const rows = Array.from({ length: 60 }, (_, i) => ({ age: i, plan: i % 2 ? "basic" : "gold", churned: i > 30 ? "yes" : "no" }));
  const lines = rows.map((row) => Object.values(row).join(","));
  writeFileSync(join(consumer.folder, "churn.csv"), `age,plan,churned\n${lines.join("\n")}\n`);
  const bin = join(consumer.package, String(manifest.bin.descent));
  const task = "train tabular-classification --data churn.csv --label-column churned --steps 40 --no-check --out run";
  const trained = node(bin, ...task.split(" "));
  assert.equal(trained.status, 0, trained.stderr);

  const server = spawn(process.execPath, ["server.js", "run", "0"], { cwd: consumer.folder });
  try {
    const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    const url = line.trim();
    const ask = async (body: string) => {
      const response = await fetch(url, { method: "POST", body });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const bodies = rows.slice(0, 40).map(({ age, plan }) => JSON.stringify({ age, plan }));
    const alone = [];
    for (const body of bodies) alone.push(await ask(body));
    assert.ok(alone.every(({ status, body }) => status === 200 && ["yes", "no"].includes(String(body["label"]))));
    const together = await Promise.all(bodies.map(ask));
    for (const [i, { status, body }] of together.entries()) {
      assert.equal(status, 200);
      assert.equal(body["label"], alone[i]?.body["label"]);
      // Rows of a batch go through other kernels than one alone: the last bit may differ.
      assert.ok(Math.abs(Number(body["score"]) - Number(alone[i]?.body["score"])) < 1e-5);
    }
    const mixed = await Promise.all([ask('{"age":"old","plan":"basic"}'), ask(bodies[0] as string)]);
    assert.deepEqual(
      mixed.map(({ status }) => status),
      [400, 200],
    );
    assert.match(String(mixed[0]?.body["error"]), /expected a number, got "old"/);
    for (const body of ["[1]", "{", "7"]) assert.equal((await ask(body)).status, 400);
    assert.equal((await fetch(url.replace("predict", ""))).status, 404);
  } finally {
    server.kill();
  }
});

test("CommonJS takes the package by import(), as the documents show", () => {
  writeFileSync(
    join(consumer.folder, "main.cjs"),
    `const main = async () => {
      const { tensor } = await import("descentjs");
      console.log(await tensor([1, 2]).mul(2).data());
    };
    main();`,
  );
  const { stdout, stderr } = node("main.cjs");
  assert.equal(stdout, "Float32Array(2) [ 2, 4 ]\n");
  assert.equal(stderr, "");
});
