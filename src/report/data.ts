/** @module The data of a report. */
import type { Bilingual, Language } from "../charts/charts.js";
import type { MetricsRecord } from "../run/metrics-log.js";
import type { ReportExample } from "./examples.js";
import type { RunSummary } from "../run/run-folder.js";

/** All that a report shows; what is left out is not shown. */
export interface ReportData {
  readonly summary: RunSummary;
  /** The task's name. */
  readonly task: Bilingual;
  /** The language it opens in; the other one is in it too. */
  readonly language?: Language;
  /** The command line that repeats the run. */
  readonly command: string;
  /** Version of Descent. */
  readonly descent: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The metric that decides: it stands first, and its curve is drawn. Guessed where left out: accuracy, F1, R², or loss. */
  readonly primaryMetric?: string;
  /** More lines about the data: how many examples, which licence. */
  readonly facts?: readonly { readonly label: Bilingual; readonly value: Bilingual }[];
  readonly history: readonly MetricsRecord[];
  /** The step whose parameters were kept. */
  readonly bestStep?: number;
  /** `counts[truth][prediction]`, on the test split. */
  readonly confusion?: { readonly labels: readonly string[]; readonly counts: readonly (readonly number[])[] };
  /** Truth and prediction, example by example, on the test split. */
  readonly regression?: {
    readonly target: string;
    readonly unit?: string;
    readonly truth: readonly number[];
    readonly prediction: readonly number[];
  };
  /** Mistakes (the most confident first) and right ones; they are shown in the order given. */
  readonly examples?: readonly ReportExample[];
  /** Parts of the page that only this task has, as markup with both languages in it; they follow the examples. */
  readonly sections?: readonly { readonly title: Bilingual; readonly html: string }[];
  /** The method that computed the attributions. */
  readonly attributionMethod?: Bilingual;
  /** Notes for the reader: an interruption, rows that were left out. */
  readonly notes?: readonly Bilingual[];
}
