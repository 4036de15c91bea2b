/** @module Metrics as a table. */
import type { OperatingPoints } from "../run/run-folder.js";
import { formatTable } from "../util/text.js";

/** The figures of a run as a person reads them; a line that says so where there are none. */
export function metricsTable(metrics: Readonly<Record<string, Readonly<Record<string, number>> | undefined>>): string {
  const splits = Object.entries(metrics).filter(
    (entry): entry is [string, Readonly<Record<string, number>>] => entry[1] !== undefined,
  );
  const names = [...new Set(splits.flatMap(([, values]) => Object.keys(values)))];
  if (names.length === 0) return "no figures were measured";
  return formatTable(
    ["", ...splits.map(([split]) => split)],
    names.map((name) => [name, ...splits.map(([, values]) => (values[name] === undefined ? "" : values[name].toPrecision(4)))]),
  );
}

/** The points at which a classifier of two classes may work, best first; nothing where there are none. */
export function operatingTable({ class: name, points }: OperatingPoints): string {
  return formatTable(
    [`naming "${name}" from`, "probability", "precision", "recall", "F1"],
    points.map((point) => [
      point.name,
      ...[point.threshold, point.precision, point.recall, point.f1].map((value) => value.toPrecision(4)),
    ]),
  );
}
