/** @module A model before and after it was made smaller, as a table for a terminal. */
import type { BeforeAfter } from "../tasks/compressing/before-after-node.js";
import { own } from "../util/record.js";
import { formatInteger, formatTable } from "../util/text.js";

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/** Size, parameters, times and metrics of both, and the change; slower is said as such. */
export function compressionTable({ before, after }: BeforeAfter): string {
  const times = Object.entries(before.batchMs).map(([batch, ms]) => {
    const now = own(after.batchMs, batch) ?? NaN;
    const faster = ms / now;
    return [
      `batch of ${batch}`,
      `${ms.toFixed(2)} ms`,
      `${now.toFixed(2)} ms`,
      `${faster.toFixed(2)} × as fast${faster < 1 ? " (slower)" : ""}`,
    ];
  });
  const metrics = Object.entries(before.metrics).map(([name, value]) => {
    const now = own(after.metrics, name) ?? NaN;
    return [name, value.toPrecision(4), now.toPrecision(4), `${now >= value ? "+" : "−"}${Math.abs(now - value).toPrecision(3)}`];
  });
  return formatTable(
    ["", "before", "after", "change"],
    [
      ["file", mebibytes(before.sizeBytes), mebibytes(after.sizeBytes), `× ${(after.sizeBytes / before.sizeBytes).toFixed(3)}`],
      [
        "parameters",
        formatInteger(before.parameters),
        formatInteger(after.parameters),
        `× ${(after.parameters / before.parameters).toFixed(3)}`,
      ],
      ...times,
      ...metrics,
    ],
  );
}
