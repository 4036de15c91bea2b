/** @module A model before and after it was made smaller, as a table. */
import type { BeforeAfter } from "../tasks/compressing/before-after-node.js";
import type { CompressedSummary } from "../tasks/compressing/write-node.js";
import { own } from "../util/record.js";
import { printableLine } from "../util/terminal.js";
import { formatInteger, formatTable } from "../util/text.js";

/** The table of both. */
function beforeAfterTable({ before, after }: BeforeAfter): string {
  const ratio = (a: number, b: number): string => `× ${(b / a).toFixed(3)}`;
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  const times = Object.keys(before.batchMs).map((batch) => {
    const [a, b] = [own(before.batchMs, batch) ?? NaN, own(after.batchMs, batch) ?? NaN];
    return [`batch of ${batch}`, `${a.toFixed(2)} ms`, `${b.toFixed(2)} ms`, `${(a / b).toFixed(2)} × as fast`];
  });
  const metrics = Object.keys(before.metrics).map((name) => {
    const [a, b] = [own(before.metrics, name) ?? NaN, own(after.metrics, name) ?? NaN];
    return [name, a.toPrecision(4), b.toPrecision(4), `${b >= a ? "+" : "−"}${Math.abs(b - a).toPrecision(3)}`];
  });
  return formatTable(
    ["", "before", "after", "change"],
    [
      ["size", mebibytes(before.sizeBytes), mebibytes(after.sizeBytes), ratio(before.sizeBytes, after.sizeBytes)],
      [
        "parameters",
        formatInteger(before.parameters),
        formatInteger(after.parameters),
        ratio(before.parameters, after.parameters),
      ],
      ...times,
      ...metrics,
    ],
  );
}

/** Prints what a verb that makes models smaller has made: the table, the run and its report. Returns what `--json` prints. */
export function printCompressed(print: (text: string) => void, out: string, summary: CompressedSummary): object {
  print(beforeAfterTable(summary.compression));
  print(printableLine(`run ${out}`));
  print(printableLine(`report ${out}/report.html`));
  return { run: out, ...summary };
}
