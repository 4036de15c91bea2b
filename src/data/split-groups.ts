/**
 * @module Splits whose groups stay together: rows of one person, one document, or nearly the same text go to one side.
 */
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import { checkFractions } from "./split.js";

/**
 * Assigns rows to parts so that no group is cut, sizes are near the fractions, and each class has its share in each part: groups, the largest first, go where
 * what they hold is missing most.
 *
 * `groupOf` [N] numbers groups, `classOf` [N] classes (all 0 where there are none). Gives the part of each row.
 * Errors: ConfigError for fractions that are not in 0 … 1 with sum 1, and where there are fewer groups than parts.
 */
export function splitGroups(
  groupOf: ArrayLike<number>,
  classOf: ArrayLike<number>,
  fractions: readonly number[],
  seed = 0,
): Uint8Array {
  checkFractions(fractions);
  const groups = new Map<number, { rows: number[]; classes: Map<number, number> }>();
  const totals = new Map<number, number>();
  for (let i = 0; i < groupOf.length; i++) {
    const [group, label] = [groupOf[i] as number, classOf[i] as number];
    let found = groups.get(group);
    if (found === undefined) groups.set(group, (found = { rows: [], classes: new Map() }));
    found.rows.push(i);
    found.classes.set(label, (found.classes.get(label) ?? 0) + 1);
    totals.set(label, (totals.get(label) ?? 0) + 1);
  }
  const used = fractions.filter((f) => f > 0).length;
  if (groups.size < used) throw new ConfigError(`split: expected at least ${used} groups, one for each part, got ${groups.size}`);
  const list = [...groups.values()];
  const order = new Random(seed, "split groups").permutation(list.length);
  const shuffled = Array.from(order, (i) => list[i] as (typeof list)[number]).sort((a, b) => b.rows.length - a.rows.length);
  // What each part still lacks of each class.
  const lacks = fractions.map((fraction) => new Map([...totals].map(([label, n]) => [label, n * fraction])));
  const parts = new Uint8Array(groupOf.length);
  for (const { rows, classes } of shuffled) {
    let [best, most] = [0, -Infinity];
    for (const [part, lack] of lacks.entries()) {
      if (fractions[part] === 0) continue;
      // The share of each class's goal that is open, weighted by what the group holds.
      let open = 0;
      for (const [label, n] of classes) {
        const goal = (totals.get(label) as number) * (fractions[part] as number);
        open += (n * (lack.get(label) as number)) / Math.max(goal, 1e-9);
      }
      if (open > most) [best, most] = [part, open];
    }
    const lack = lacks[best] as Map<number, number>;
    for (const [label, n] of classes) lack.set(label, (lack.get(label) as number) - n);
    for (const row of rows) parts[row] = best;
  }
  return parts;
}

/** Assigns rows by their order in time: the earliest to the first part. Rows of one instant, and groups, stay together with the earliest of them. */
export function splitByTime(times: ArrayLike<number>, groupOf: ArrayLike<number>, fractions: readonly number[]): Uint8Array {
  const order = Array.from({ length: times.length }, (_, i) => i).sort(
    (a, b) => (times[a] as number) - (times[b] as number) || a - b,
  );
  const parts = new Uint8Array(times.length);
  const partOfGroup = new Map<number, number>();
  let [part, end, before] = [0, (fractions[0] as number) * times.length, NaN];
  order.forEach((row, at) => {
    const time = times[row] as number;
    if (time !== before)
      while (at >= end - 1e-9 && part < fractions.length - 1) end += (fractions[++part] as number) * times.length;
    before = time;
    const group = groupOf[row] as number;
    const own = partOfGroup.get(group) ?? part;
    partOfGroup.set(group, own);
    parts[row] = own;
  });
  return parts;
}
