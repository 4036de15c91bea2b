/**
 * @module The measurement of image recognition: some examples of each class are enrolled, the others are queries.
 */
import type { Batch } from "../../../data/index.js";
import type { TensorData } from "../../../graph/index.js";
import { toNumbers } from "../../../graph/index.js";
import type { Labelled, OpenSet, Metrics } from "../../../metrics/index.js";
import { nearest, openSet, openSetAuroc, recallAt } from "../../../metrics/index.js";
import type { Measurement } from "../../task.js";

/** Number of examples of each class to enroll, but no more than half of them. */
const ENROLLED = 10;

/** Examples in the order of `rows`, their indices in the measured data. */
export interface EmbeddedRows extends Labelled {
  readonly rows: readonly number[];
}

/** Embeddings with their labels, batch by batch. */
export class RecognitionMeasurement implements Measurement {
  readonly #trained: number;
  readonly #size: number;
  readonly #embeddings: Float32Array[] = [];
  readonly #labels: number[] = [];

  /** The first `trainedClasses` labels were trained on; those above were held out. */
  constructor({ trainedClasses, embeddingSize }: { readonly trainedClasses: number; readonly embeddingSize: number }) {
    this.#trained = trainedClasses;
    this.#size = embeddingSize;
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const { data } = batch["label"] as TensorData;
    const vectors = toNumbers(outputs["embedding"] as TensorData);
    for (let row = 0; row < data.length; row++) {
      this.#labels.push(Number(data[row]));
      this.#embeddings.push(Float32Array.from(vectors.subarray(row * this.#size, (row + 1) * this.#size)));
    }
  }

  #select(rows: readonly number[]): EmbeddedRows {
    const vectors = new Float32Array(rows.length * this.#size);
    rows.forEach((row, i) => vectors.set(this.#embeddings[row] as Float32Array, i * this.#size));
    return { rows, vectors, labels: rows.map((row) => this.#labels[row] as number) };
  }

  #isTrained(row: number): boolean {
    return (this.#labels[row] as number) < this.#trained;
  }

  /** Splits the examples into enrolled ones and queries. */
  parts(): { readonly gallery: EmbeddedRows; readonly queries: EmbeddedRows } {
    const counts = new Map<number, number>();
    for (const label of this.#labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    const taken = new Map<number, number>();
    const enrolled: number[] = [];
    const asked: number[] = [];
    this.#labels.forEach((label, row) => {
      const already = taken.get(label) ?? 0;
      taken.set(label, already + 1);
      (already < Math.min(ENROLLED, Math.ceil((counts.get(label) as number) / 2)) ? enrolled : asked).push(row);
    });
    return { gallery: this.#select(enrolled), queries: this.#select(asked) };
  }

  /** Tells whether some examples are of classes that were never trained on, and others of trained ones, beside which they are unknown. */
  get hasUnknown(): boolean {
    return this.#labels.some((_, row) => this.#isTrained(row)) && this.#labels.some((_, row) => !this.#isTrained(row));
  }

  /** Queries against a gallery of the trained classes alone: all examples of other classes are unknown. */
  openSet(): OpenSet {
    const { gallery, queries } = this.parts();
    const unknown = this.#labels.map((_, row) => row).filter((row) => !this.#isTrained(row));
    const trained = (rows: readonly number[]): number[] => rows.filter((row) => this.#isTrained(row));
    return openSet(this.#select([...trained(queries.rows), ...unknown]), this.#select(trained(gallery.rows)));
  }

  /** Each query against the gallery, and against the gallery without its own class: where nothing is unknown, that stands for it. */
  withoutOwnClass(): OpenSet {
    const { gallery, queries } = this.parts();
    const own = openSet(queries, gallery);
    const others = Array.from(queries.labels, (label, i) => {
      const query = queries.vectors.subarray(i * this.#size, (i + 1) * this.#size);
      return nearest(query, gallery, 1, (entry) => gallery.labels[entry] === label);
    }).flat();
    return {
      scores: Float64Array.from([...own.scores, ...others.map(({ likeness }) => likeness)]),
      isKnown: [...own.isKnown, ...others.map(() => false)],
      isRight: [...own.isRight, ...others.map(() => false)],
    };
  }

  result(): Metrics {
    const { gallery, queries } = this.parts();
    const recall = { recallAt1: recallAt(1, queries, gallery) };
    if (this.#labels.every((_, row) => this.#isTrained(row))) return recall;
    const unseen = this.#select(queries.rows.filter((row) => !this.#isTrained(row)));
    const unseenRecallAt1 = recallAt(1, unseen, gallery);
    // Where all classes are new, none is unknown beside the others.
    return this.hasUnknown ? { ...recall, unseenRecallAt1, auroc: openSetAuroc(this.openSet()) } : { ...recall, unseenRecallAt1 };
  }
}
