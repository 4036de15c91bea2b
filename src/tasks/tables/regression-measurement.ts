/**
 * @module The figures of a predicted quantity.
 */
import type { Batch } from "../../data/index.js";
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import type { Metrics } from "../../metrics/index.js";
import { meanAbsoluteError, meanSquaredError, r2, rootMeanSquaredError } from "../../metrics/index.js";
import type { Measurement } from "../task.js";
import type { TableInfo } from "./tables.js";

/** Errors in the target's own unit, R², and the loss on the standardized scale. */
export class RegressionMeasurement implements Measurement {
  readonly #info: Pick<TableInfo, "targetMean" | "targetDeviation">;
  readonly #metrics = { rmse: rootMeanSquaredError(), mae: meanAbsoluteError(), r2: r2() };
  readonly #loss = meanSquaredError();
  readonly truth: number[] = [];
  readonly prediction: number[] = [];

  constructor(info: Pick<TableInfo, "targetMean" | "targetDeviation">) {
    this.#info = info;
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const [prediction, target] = [outputs["prediction"] as TensorData, batch["target"] as TensorData];
    this.#loss.update(prediction, target);
    const [p, t] = [this.#inUnits(prediction), this.#inUnits(target)];
    for (const metric of Object.values(this.#metrics)) metric.update(p, t);
    this.prediction.push(...toNumbers(p));
    this.truth.push(...toNumbers(t));
  }

  #inUnits(values: TensorData): TensorData {
    const data = toNumbers(values).map((x) => x * this.#info.targetDeviation + this.#info.targetMean);
    return { dtype: "float64", shape: values.shape, data };
  }

  result(): Metrics {
    const { rmse, mae, r2: determination } = this.#metrics;
    return { rmse: rmse.result(), mae: mae.result(), r2: determination.result(), loss: this.#loss.result() };
  }
}
