/**
 * @module `npm run inspect-speed -- [--megabytes N] [--memory MIB] [--kinds A,B]`: the time and memory that a large CSV takes to be inspected, and to be imported and inspected, beside
 * DuckDB's SUMMARIZE of the same file under the same memory limit, in turns in processes of their own. `--folder` says where the file and its copy lie; `--file` names one that is
 * written where there is none, and kept.
 */
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { importData } from "../src/data/import-node.js";
import { inspectData } from "../src/data/inspect/inspect-node.js";
import { addStep } from "../src/report/data-card-node.js";
import { median } from "../src/util/median.js";
import { Random } from "../src/util/random.js";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "1000" },
    memory: { type: "string", default: "1024" },
    rounds: { type: "string", default: "3" },
    kinds: { type: "string", default: "summarize,inspect,import-and-inspect" },
    folder: { type: "string", default: tmpdir() },
    work: { type: "string" },
    file: { type: "string" },
  },
});
const memoryMiB = Number(values.memory);

/** Rows of numbers, days, classes and texts: an id, and two halves drawn from pools, so that gigabytes are written in a minute. */
function writeTable(path: string, bytes: number): void {
  const random = new Random(1, "rows");
  const words = Array.from({ length: 2000 }, (_, i) => `w${(i * 7919) % 99_991}`);
  const two = (n: number): string => String(n).padStart(2, "0");
  const size = 1 << 16;
  const pool = (line: () => string): Buffer[] => Array.from({ length: size }, () => Buffer.from(line()));
  const left = pool(() => {
    const day = `2025-${two(1 + random.integer(12))}-${two(1 + random.integer(28))}`;
    return `,${day},${random.normal(100, 30).toFixed(2)},${random.uniform().toFixed(4)},`;
  });
  const right = pool(() => {
    const text = Array.from({ length: 4 + random.integer(10) }, () => words[random.integer(2000)]).join(" ");
    return `${["Paris", "Oslo", "北京"][random.integer(3)]},${"abcd"[random.integer(4)]},"${text}, ok",${random.integer(1e9)}\n`;
  });
  const file = openSync(path, "w");
  let written = writeSync(file, "id,day,amount,score,city,label,text,code\n");
  const chunk = Buffer.alloc(2 ** 24);
  for (let i = 0; written < bytes;) {
    let at = 0;
    while (at < chunk.length - 1024) {
      const bits = random.integer(2 ** 32);
      at += chunk.write(String(i++), at, "latin1");
      for (const half of [left[bits % size], right[Math.floor(bits / size)]]) {
        chunk.set(half as Buffer, at);
        at += (half as Buffer).length;
      }
    }
    written += writeSync(file, chunk, 0, at);
  }
  closeSync(file);
}

/** One piece of work in this process, timed. */
async function work(kind: string, file: string): Promise<void> {
  const began = performance.now();
  let rows = 0;
  if (kind === "summarize") {
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const instance = await DuckDBInstance.create(":memory:", { memory_limit: `${memoryMiB}MiB` });
    const connection = await instance.connect();
    const columns = await connection.runAndReadAll(`SUMMARIZE SELECT * FROM read_csv('${file}')`);
    rows = Number(columns.getRowObjectsJson()[0]?.["count"]);
  } else {
    const out = `${file}.imported`;
    if (kind === "import-and-inspect") {
      const imported = await importData([file], { out, memoryMiB });
      await addStep(out, { verb: "import", command: "descent data import", name: "table", ...imported });
    }
    const profile = await inspectData(kind === "inspect" ? file : out, { memoryMiB });
    if (profile.kind === "table") rows = profile.rows;
  }
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  console.log(
    JSON.stringify({
      seconds: (performance.now() - began) / 1000,
      cpu: (userCPUTime + systemCPUTime) / 1e6,
      memoryMiB: maxRSS / 1024,
      rows,
    }),
  );
}

if (values.work !== undefined) await work(values.work, values.file ?? "");
else {
  const folder = mkdtempSync(join(values.folder, "inspect-speed-"));
  try {
    const file = values.file ?? join(folder, "table.csv");
    if (!existsSync(file)) writeTable(file, Number(values.megabytes) * 1e6);
    const found = new Map<string, { seconds: number; cpu: number; memoryMiB: number; rows: number }[]>();
    for (let round = 0; round < Number(values.rounds); round++)
      for (const kind of values.kinds.split(",").filter((name) => name !== "")) {
        const args = [process.argv[1] ?? "", "--work", kind, "--file", file, "--memory", String(memoryMiB)];
        const result = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as {
          seconds: number;
          cpu: number;
          memoryMiB: number;
          rows: number;
        };
        found.set(kind, [...(found.get(kind) ?? []), result]);
        rmSync(`${file}.imported`, { recursive: true, force: true });
      }
    for (const [kind, runs] of found) {
      const of = (pick: (run: (typeof runs)[number]) => number): number => Math.round(median(runs.map(pick)) * 100) / 100;
      console.log(
        JSON.stringify({
          kind,
          megabytes: Number(values.megabytes),
          seconds: of((r) => r.seconds),
          cpu: of((r) => r.cpu),
          memoryMiB: of((r) => r.memoryMiB),
          rows: runs[0]?.rows,
        }),
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
