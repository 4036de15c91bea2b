/**
 * @module Validation and test parts held out from the training part: a share of it, or one fold of a cross-validation.
 */
import type { Column } from "./column.js";
import { isMissing } from "./column.js";
import type { Dataset } from "./dataset.js";
import { isCategorical } from "./guess.js";
import { labelText } from "./labels.js";
import type { Parts } from "./parts.js";
import { groupRows, kFold, split } from "./split.js";
import { ConfigError, DataError } from "../util/errors.js";

/** One of `count` parts of about one size; counted from 1. */
export interface Fold {
  readonly number: number;
  readonly count: number;
}

/** Parts of the data that are held out for test and validation, as fractions. */
export interface HoldOutOptions {
  /** Seed of the splits. */
  readonly seed?: number;
  /** Share of the examples held out as test, where the data has no test split. */
  readonly testFraction?: number;
  /** Share of what is then left for training, held out for validation, where there is no such split. 0: none. */
  readonly validationFraction?: number;
  /** The part of a cross-validation that is the test part. Runs of one seed over all folds test each example once. */
  readonly fold?: Fold;
}

/** `2/5` as the second of five folds. ConfigError for anything else. */
export function parseFold(text: string, where: string): Fold {
  const [, number = 0, count = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (number < 1 || count < 2 || number > count)
    throw new ConfigError(`${where}: expected K/N with K from 1 to N, such as 1/5, got ${text}`);
  return { number, count };
}

/** Rows whose class has no other example; none where that holds for most, which are not classes then. */
function loneRows(column: Column, length: number): readonly number[] {
  const lone = groupRows(column, length).filter((group) => group.length === 1);
  return lone.length * 2 < length ? lone.flat().filter((row) => !isMissing(column, row)) : [];
}

const without = (data: Dataset, rows: readonly number[]): Dataset =>
  rows.length === 0 ? data : data.select(Array.from({ length: data.length }, (_, i) => i).filter((i) => !rows.includes(i)));

function loneNote(column: Column, rows: readonly number[], name: string): string {
  const classes = rows.map((row) => `"${labelText(column, row)}"`);
  const named = classes.length > 5 ? `${classes.slice(0, 5).join(", ")}, … (${classes.length} classes)` : classes.join(", ");
  const [have, are] = rows.length === 1 ? ["class", "has 1 example, which is"] : ["classes", "have 1 example each, which are"];
  return `column "${name}": ${have} ${named} ${are} kept for training`;
}

/** A note of `holdOut` on a part that it cut, in Chinese; undefined for any other note. */
export function heldOutInChinese(note: string): string | undefined {
  const found = /^(test|validation): (\d+) of (\d+) examples held out \((random|stratified), seed (\d+)\)$/.exec(note);
  if (found === null) return undefined;
  const [, part, held, all, kind, seed] = found;
  const drawn = kind === "random" ? "随机抽取" : "分层抽取";
  return `${part === "test" ? "测试集" : "验证集"}：从 ${all} 个样本中留出 ${held} 个（${drawn}，种子 ${seed}）`;
}

/**
 * Completes the splits from the training part, stratified by the target where that is a class.
 *
 * Errors: DataError for too few rows, and for a fold of data that have a test part.
 */
export function holdOut(parts: Parts, target: string | undefined, options: HoldOutOptions, notes: string[]): Required<Parts> {
  const { seed = 0, testFraction = 0.1, validationFraction = 0.1, fold } = options;
  const stratify = target !== undefined && isCategorical(parts.train.column(target)) ? { stratify: target } : {};
  const kind = stratify.stratify === undefined ? "random" : "stratified";
  let { train, test, validation } = parts;
  const lone = stratify.stratify === undefined ? [] : loneRows(train.column(stratify.stratify), train.length);
  if (lone.length > 0 && (fold !== undefined || test === undefined || validation === undefined))
    notes.push(loneNote(train.column(stratify.stratify as string), lone, stratify.stratify as string));
  const cut = (fraction: number, name: "test" | "validation"): Dataset => {
    if (fraction === 0) return train.take(0);
    // A class of one example can be learned or measured, not both: it is learned.
    const kept = stratify.stratify === undefined ? [] : loneRows(train.column(stratify.stratify), train.length);
    const { rest, held } = split(without(train, kept), { rest: 1 - fraction, held: fraction }, { seed, ...stratify });
    if (rest.length === 0 || held.length === 0)
      throw new DataError(`data: expected enough rows to hold out ${fraction} of them as ${name}, got ${train.length}`);
    notes.push(`${name}: ${held.length} of ${train.length} examples held out (${kind}, seed ${seed})`);
    train = kept.length === 0 ? rest : rest.concat(train.select(kept));
    return held;
  };
  if (fold !== undefined) {
    const { number, count } = fold;
    if (test !== undefined)
      throw new DataError(
        `fold ${number}/${count}: expected data without a test part of its own, got one of ${test.length} examples`,
      );
    const folds = kFold(without(train, lone), count, { seed, ...stratify });
    const { train: rest, validation: held } = folds[number - 1] as (typeof folds)[number];
    notes.push(`test: fold ${number} of ${count}, ${held.length} of ${train.length} examples (${kind}, seed ${seed})`);
    [train, test] = [lone.length === 0 ? rest : rest.concat(train.select(lone)), held];
  }
  test ??= cut(testFraction, "test");
  validation ??= cut(validationFraction, "validation");
  return { train, validation, test };
}
