/** @module The picture of a learning-rate range test. */
import type { ChartOptions } from "../charts/charts.js";
import { lineChart } from "../charts/charts.js";

/** Loss over the logarithm of the learning rate, with the suggestion marked. */
export function rangeChart(
  points: readonly { readonly learningRate: number; readonly loss: number }[],
  suggestion: number,
  options: Partial<ChartOptions> = {},
): string {
  return lineChart({
    title: { en: "learning-rate range test", zh: "学习率范围测试" },
    ...options,
    series: [{ name: "", points: points.map(({ learningRate, loss }) => [Math.log10(learningRate), loss]) }],
    xLabel: { en: "log₁₀ of the learning rate", zh: "学习率的 log₁₀" },
    yLabel: { en: "loss, smoothed", zh: "损失（平滑后）" },
    mark: { x: Math.log10(suggestion), label: { en: suggestion.toPrecision(2), zh: suggestion.toPrecision(2) } },
  });
}
