/**
 * @module Precision, recall and F1 of labelled spans: named entities, arguments of predicates. A span counts where both its ends and
 * its label are right.
 */
import type { ClassScores } from "./classification.js";
import type { LabelSpan } from "../util/tags.js";
import { spanKey } from "../util/tags.js";

/** Precision, recall and F1, over all spans and by label. */
export interface SpanReport {
  /** Over all spans: what is called entity F1. */
  readonly micro: ClassScores;
  /** Mean over labels. */
  readonly macro: ClassScores;
  /** Mean over labels, weighted by how many spans there are of each. */
  readonly weighted: ClassScores;
  /** By label, in code point order. */
  readonly perLabel: ReadonlyMap<string, ClassScores>;
}

interface Counts {
  right: number;
  predicted: number;
  actual: number;
}

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

function scoresOf({ right, predicted, actual }: Counts): ClassScores {
  const [precision, recall] = [ratio(right, predicted), ratio(right, actual)];
  return { precision, recall, f1: ratio(2 * precision * recall, precision + recall), support: actual };
}

/**
 * Counts spans sentence by sentence (for semantic roles: predicate by predicate).
 *
 *     precision = right / predicted     recall = right / actual     F1 = 2·precision·recall / (precision + recall)
 *
 * Where there is nothing to divide by, a figure is 0, as in seqeval and in conlleval. The same span twice counts once.
 * Source: Tjong Kim Sang, De Meulder, Introduction to the CoNLL-2003 shared task, 2003 (the measure of conlleval).
 * Differs from the source: no.
 * Checked against: seqeval 1.2.2, default and strict mode, in span.test.ts.
 */
export class SpanMetric {
  readonly #counts = new Map<string, Counts>();

  add(actual: readonly LabelSpan[], predicted: readonly LabelSpan[]): void {
    const [truth, given] = [new Map(actual.map((s) => [spanKey(s), s])), new Map(predicted.map((s) => [spanKey(s), s]))];
    for (const span of truth.values()) this.#of(span.label).actual++;
    for (const [key, span] of given) {
      const counts = this.#of(span.label);
      counts.predicted++;
      if (truth.has(key)) counts.right++;
    }
  }

  #of(label: string): Counts {
    let counts = this.#counts.get(label);
    if (counts === undefined) this.#counts.set(label, (counts = { right: 0, predicted: 0, actual: 0 }));
    return counts;
  }

  report(): SpanReport {
    const total: Counts = { right: 0, predicted: 0, actual: 0 };
    for (const { right, predicted, actual } of this.#counts.values()) {
      total.right += right;
      total.predicted += predicted;
      total.actual += actual;
    }
    const perLabel = new Map(
      [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, counts]) => [label, scoresOf(counts)] as const),
    );
    const mean = (weight: (scores: ClassScores) => number): ClassScores => {
      const all = [...perLabel.values()];
      const sum = all.reduce((s, scores) => s + weight(scores), 0);
      const of = (pick: (scores: ClassScores) => number): number =>
        ratio(
          all.reduce((s, scores) => s + weight(scores) * pick(scores), 0),
          sum,
        );
      return { precision: of((s) => s.precision), recall: of((s) => s.recall), f1: of((s) => s.f1), support: total.actual };
    };
    return { micro: scoresOf(total), macro: mean(() => 1), weighted: mean((scores) => scores.support), perLabel };
  }

  reset(): void {
    this.#counts.clear();
  }
}
