import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DataError, DescentError } from "../util/errors.js";
import type { FileSystem } from "./run-folder-files-node.js";
import { nodeFileSystem } from "./run-folder-files-node.js";
import { createRun, openRun, resumeRun } from "./run-folder-node.js";
import { bytes, config, pretend, scratch } from "./run-folder.test.util.js";

test("a truncated, altered or incomplete checkpoint is refused, and the last whole one is offered", async (t) => {
  const harms: [string, (folder: string) => void, RegExp][] = [
    [
      "truncated",
      (f) => truncateSync(join(f, "m"), 10),
      /step-6\/m: expected 100 bytes, got 10; the last whole one is .*step-3$/,
    ],
    [
      "altered",
      (f) => writeFileSync(join(f, "m"), bytes(100, 99)),
      /step-6\/m: expected sha256 [0-9a-f]{12}…, got [0-9a-f]{12}…: it was altered; the last/,
    ],
    [
      "a file missing",
      (f) => rmSync(join(f, "m")),
      /step-6\/m: expected a readable file, got no such file; the last whole one is .*step-3$/,
    ],
    [
      "no manifest",
      (f) => rmSync(join(f, "manifest.json")),
      /step-6: expected a checkpoint with a manifest.json, got no such file; the last/,
    ],
    [
      "half a manifest",
      (f) => truncateSync(join(f, "manifest.json"), 40),
      /manifest.json: expected JSON, .*; the last whole one is/,
    ],
    [
      "gone",
      (f) => rmSync(f, { recursive: true }),
      /step-6: expected a checkpoint with a manifest.json, got no such file; the last/,
    ],
  ];
  for (const [name, harm, expected] of harms) {
    const path = scratch(t);
    {
      using writer = await createRun(path, { config });
      for (const step of [3, 6]) await writer.saveCheckpoint(step, { m: bytes(100, step) });
    }
    harm(join(path, "checkpoints", "step-6"));
    await assert.rejects(
      resumeRun(path),
      (error) => error instanceof DataError && expected.test(error.message) && !error.message.includes("\n"),
      name,
    );
    const { writer, checkpoint } = await resumeRun(join(path, "checkpoints", "step-3"));
    assert.deepEqual(checkpoint.files["m"], bytes(100, 3));
    writer[Symbol.dispose]();
  }
});

test("a run that is removed right after a checkpoint is told of when the next is written", async (t) => {
  const path = scratch(t);
  const files: FileSystem = {
    ...nodeFileSystem,
    async rename(from, to) {
      await nodeFileSystem.rename(from, to);
      if (to.endsWith("last")) rmSync(path, { recursive: true });
    },
  };
  using writer = await createRun(path, { config, files });
  await pretend(writer, 1, 3);
  await assert.rejects(pretend(writer, 4, 6), /got a folder that is gone \(ENOENT\): somebody removed it/);
  assert.ok(!existsSync(path));
});

test("a full disk while a checkpoint is written leaves the last whole one and nothing of the new one", async (t) => {
  for (const failing of ["model.safetensors", "manifest.json", "rename"]) {
    const path = scratch(t);
    let full = false;
    const noSpace = (): never => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    };
    const files: FileSystem = {
      ...nodeFileSystem,
      async writeFile(file: string, content: Uint8Array) {
        if (full && file.endsWith(failing)) {
          await nodeFileSystem.writeFile(file, content.subarray(0, content.length / 2));
          noSpace();
        }
        await nodeFileSystem.writeFile(file, content);
      },
      async rename(from, to) {
        if (full && failing === "rename") noSpace();
        await nodeFileSystem.rename(from, to);
      },
    };
    using writer = await createRun(path, { config, files });
    await pretend(writer, 1, 3);
    full = true;
    await assert.rejects(pretend(writer, 4, 6), (error) => {
      assert.ok(error instanceof DescentError);
      assert.match(
        error.message,
        /step-6: expected to write 1010 bytes, got a full disk \(ENOSPC\); the checkpoint of step 3 is whole: make room/,
      );
      return true;
    });
    assert.deepEqual(readdirSync(join(path, "checkpoints")).sort(), ["last", "step-3"]);
    full = false;
    await pretend(writer, 6, 6);
    assert.equal((await writer.folder.readCheckpoint()).step, 6);
  }
});

test("the same on a disk that is really full", async (t) => {
  const mount = mkdtempSync(join(tmpdir(), "descent-disk-"));
  t.after(() => {
    spawnSync("umount", [mount]);
    rmSync(mount, { recursive: true, force: true });
  });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "none", mount]).status !== 0) {
    t.skip("needs the right to mount a small disk");
    return;
  }
  using writer = await createRun(join(mount, "run"), { config });
  await writer.saveCheckpoint(1, { m: bytes(100_000, 1) });
  writer.logMetrics({ step: 1, split: "train", metrics: { loss: 1 } });
  await assert.rejects(
    writer.saveCheckpoint(2, { m: bytes(200_000, 2) }),
    /got a full disk \(ENOSPC\); the checkpoint of step 1 is whole/,
  );
  assert.deepEqual(await writer.folder.checkpoints(), [1]);
  await assert.rejects(
    writer.write("report.html", "x".repeat(200_000)),
    /report.html: expected to write 200000 bytes, got a full disk/,
  );
  assert.ok(!existsSync(join(mount, "run", "report.html")));
  // A log that cannot grow keeps its last whole record.
  assert.throws(() => {
    for (let step = 2; step < 10_000; step++) writer.logMetrics({ step, split: "train", metrics: { loss: 1 } });
  }, /metrics.jsonl: expected to write \d+ bytes, got a full disk/);
  assert.ok(readFileSync(join(mount, "run", "metrics.jsonl"), "utf8").endsWith("}\n"));
});

test("a run that another live process writes is refused; a dead one's lock is taken over", async (t) => {
  const path = scratch(t);
  const lockFile = join(path, "run.lock");
  {
    using writer = await createRun(path, { config });
    await writer.saveCheckpoint(1, { m: bytes(5) });
    await assert.rejects(
      resumeRun(path),
      new RegExp(`expected a run that no process is writing, got one held by process ${process.pid} on`),
    );
    await openRun(path);
  }
  assert.ok(!existsSync(lockFile), "released");

  const sleeper = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  t.after(() => sleeper.kill("SIGKILL"));
  const owner = { pid: sleeper.pid, host: hostname(), startedAt: "2026-01-01T00:00:00Z" };
  writeFileSync(lockFile, JSON.stringify(owner));
  await assert.rejects(resumeRun(path), new RegExp(`held by process ${sleeper.pid} .*since 2026-01-01T00:00:00Z$`));
  if (process.platform === "linux") {
    // The same id, but another process than the one that took the lock.
    writeFileSync(lockFile, JSON.stringify({ ...owner, processStart: "another-boot 123" }));
    (await resumeRun(path)).writer[Symbol.dispose]();
    writeFileSync(lockFile, JSON.stringify(owner));
  }
  sleeper.kill("SIGKILL");
  await once(sleeper, "close");
  (await resumeRun(path)).writer[Symbol.dispose]();

  writeFileSync(lockFile, JSON.stringify({ ...owner, host: "elsewhere" }));
  await assert.rejects(resumeRun(path), /on elsewhere since .*; if that process is gone, remove .*run.lock$/);
  writeFileSync(lockFile, "");
  (await resumeRun(path)).writer[Symbol.dispose]();
});

test("a process killed at any moment leaves whole checkpoints, whole logs, and a run that can be resumed", async (t) => {
  const path = scratch(t);
  const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    const { createRun, resumeRun } = await import(${module("./run-folder-node.js")});
    let writer, step = 0;
    try { ({ writer, checkpoint: { step } } = await resumeRun(${JSON.stringify(path)})); }
    catch { writer = await createRun(${JSON.stringify(path)}, { overwrite: true, config: { descent: "0", task: "t", options: {} } }); }
    for (;;) {
      step++;
      writer.logMetrics({ step, split: "train", metrics: { loss: step } });
      await writer.saveCheckpoint(step, { a: new Uint8Array(50_000).fill(step), b: new Uint8Array(50_000).fill(step) });
      process.stdout.write(".");
    }`;
  let reached = 0;
  for (const delayMs of [0, 3, 7, 12]) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill("SIGKILL");
    await once(child, "close");

    const { writer, checkpoint } = await resumeRun(path);
    using _ = writer;
    assert.ok(checkpoint.step > reached, `${checkpoint.step} after ${reached}`);
    reached = checkpoint.step;
    for (const name of ["a", "b"]) assert.ok(checkpoint.files[name]?.every((byte) => byte === reached % 256));
    const records = await writer.folder.metrics();
    assert.deepEqual(
      records.map((record) => record.step),
      Array.from({ length: reached }, (_, i) => i + 1),
    );
    assert.deepEqual(
      readdirSync(join(path, "checkpoints")).filter((name) => name.startsWith(".")),
      [],
    );
  }
});
