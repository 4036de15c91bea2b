import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { displayWidth } from "../util/text.js";
import { peakMemoryMiB, streamSink } from "./progress-node.js";
import type { ProgressOptions } from "./progress.js";
import { Progress } from "./progress.js";

/** A progress line on a sink that is a list, with a clock that the test moves. */
function staged(options: Partial<ProgressOptions> & { isTTY: boolean; columns?: number }) {
  const written: string[] = [];
  const clock = { ms: 1000 };
  const sink = { write: (text: string) => void written.push(text), isTTY: options.isTTY, columns: () => options.columns };
  const progress = new Progress(sink, { label: "train", now: () => clock.ms, ...options });
  return { progress, written, clock };
}
const visible = (text: string): string => text.replaceAll(/\r|\p{Cc}\[[0-9;]*[A-Za-z]/gu, "");

test("a terminal line shows loss, speed, ETA and memory, and fits at every width", () => {
  for (const columns of [200, 120, 80, 50, 30, 10]) {
    const { progress, written, clock } = staged({
      isTTY: true,
      columns,
      total: 1000,
      unit: "examples",
      peakMemoryMiB: () => 1234,
    });
    for (let step = 1; step <= 500; step++) {
      clock.ms += 10;
      progress.update(step, step * 128, { loss: 0.4123, 准确率: 0.98 });
    }
    for (const line of written) {
      assert.match(line, /^\r/);
      assert.ok(displayWidth(visible(line)) < columns, `${columns}: ${visible(line)}`);
    }
    // A tenth of a second between refreshes, a hundredth between steps.
    assert.ok(written.length >= 49 && written.length <= 51, `${written.length} refreshes`);
    if (columns < 120) continue;
    assert.match(
      visible(written.at(-1) as string),
      /^train  ━+╸?─+  +\d+%  \d+\/1,000  loss 0.4123  准确率 0.9800  12.8 k examples\/s  ETA 0:05  1,234 MiB$/,
    );
  }
});

test("elsewhere a plain line every few seconds, and one at the end with the time it took", () => {
  const { progress, written, clock } = staged({ isTTY: false, total: 100, unit: "examples" });
  for (let step = 1; step <= 100; step++) {
    clock.ms += 200;
    progress.update(step, step * 10, { loss: 1 / step });
  }
  progress.finish();
  progress.finish();
  assert.equal(written.length, 5);
  assert.equal(written[0], "train  25%  25/100  loss 0.0400  50 examples/s  ETA 0:15\n");
  assert.equal(written.at(-1), "train  100%  100/100  loss 0.0100  50 examples/s  in 0:20\n");
});

test("work that is quick, or done in silence, shows nothing", () => {
  const quick = staged({ isTTY: false, total: 5 });
  quick.clock.ms += 1000;
  quick.progress.update(5);
  quick.progress.finish();
  assert.deepEqual(quick.written, []);
  const delayed = staged({ isTTY: true, total: 5, delayMs: 2000 });
  delayed.clock.ms += 1999;
  delayed.progress.update(4);
  delayed.progress.finish();
  assert.deepEqual(delayed.written, []);
  const silent = new Progress(undefined, { label: "train" });
  silent.update(1, 1, { loss: 1 });
  silent.log("unheard");
  silent.finish();
});

test("a resumed run counts the earlier steps for the bar, not for the speed", () => {
  const { progress, written, clock } = staged({ isTTY: false, total: 1000, start: 900, unit: "examples" });
  clock.ms += 5000;
  progress.update(950, 500);
  assert.equal(written[0], "train  95%  950/1,000  100 examples/s  ETA 0:05\n");
});

test("without a total there is no bar and no ETA; a logged line stands above the bar", () => {
  const { progress, written, clock } = staged({ isTTY: true, columns: 80 });
  clock.ms += 100;
  progress.update(7, undefined, { note: "reading" });
  progress.log("best so far");
  assert.deepEqual(written, ["\rtrain  7  note reading\u001B[K", "\r\u001B[K", "best so far\n"]);
});

test("an update between refreshes is a look at the clock", () => {
  const progress = new Progress({ write: () => undefined, isTTY: false }, { label: "train", total: 1e9 });
  const fields = { loss: 1 };
  const started = performance.now();
  for (let step = 0; step < 200_000; step++) progress.update(step, step, fields);
  const microseconds = ((performance.now() - started) * 1000) / 200_000;
  assert.ok(microseconds < 5, `${microseconds} µs`);
});

test("a dumb terminal gets plain lines, NO_COLOR none; memory is in MiB", () => {
  const stream = { write: () => true, isTTY: true, columns: 99 };
  assert.deepEqual(
    [streamSink(stream, {}).isTTY, streamSink(stream, {}).color, streamSink(stream, {}).columns?.()],
    [true, true, 99],
  );
  assert.equal(streamSink(stream, { TERM: "dumb" }).isTTY, false);
  assert.equal(streamSink(stream, { NO_COLOR: "1" }).color, false);
  assert.ok(peakMemoryMiB() > 20 && peakMemoryMiB() < 20_000);
});

test("a process's peak memory is not its parent's", () => {
  const held = Buffer.alloc(300 * 2 ** 20, 1);
  const code = `import(${JSON.stringify(new URL("./progress-node.js", import.meta.url).href)}).then((m) => console.log(m.peakMemoryMiB()))`;
  const child = Number(execFileSync(process.execPath, ["-e", code], { encoding: "utf8" }));
  assert.ok(peakMemoryMiB() > held.length / 2 ** 20);
  assert.ok(child > 10 && child < 200, `${child} MiB`);
});
