/** @module The part of a report that says where the time of a step goes. */
import { icicleChart, icicleOf } from "../charts/index.js";
import type { StepProfile } from "../cost/profile.js";
import { byOp, kindOf } from "../cost/profile.js";
import { formatInteger } from "../util/text.js";
import { card, chartStyle, paragraph } from "./page.js";
import type { ReportData } from "./data.js";
import { both } from "./words.js";

const SHOWN_OPS = 12;

const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** A flame graph by layer and op, and a table by op. */
export function profileSection(
  profile: StepProfile,
  language: ReportData["language"],
): { title: { en: string; zh: string }; html: string } {
  const { ops, opsMs, loadingMs, stepMs, steps } = profile;
  const amounts = ops.map((one) => ({ path: `${one.path}.${one.op}`, amount: one.milliseconds, kind: kindOf(one) }));
  const flame = icicleChart({
    ...chartStyle(language),
    title: { en: "milliseconds of a step by layer and op", zh: "训练一步各层、各算子的毫秒数" },
    root: icicleOf("step", amounts),
    format: (amount) => `${ms(amount)} ms`,
    kinds: [
      { en: "layers", zh: "各层" },
      { en: "optimizer", zh: "优化器" },
      { en: "loss and the rest", zh: "损失及其他" },
    ],
    width: 1026,
  });
  const rows = byOp(profile)
    .slice(0, SHOWN_OPS)
    .map(
      ({ op, milliseconds, nodes }) =>
        `<tr><th>${both(op)}</th><td class="n">${formatInteger(nodes)}</td><td class="n">${ms(milliseconds)}</td><td class="n">${((100 * milliseconds) / opsMs).toFixed(1)} %</td></tr>`,
    );
  const head = `<tr><th>${both({ en: "op", zh: "算子" })}</th><th class="n">${both({ en: "nodes", zh: "节点" })}</th><th class="n">${both({ en: "ms a step", zh: "毫秒/步" })}</th><th class="n">${both({ en: "share", zh: "占比" })}</th></tr>`;
  return {
    title: { en: "Where the time goes", zh: "时间花在哪里" },
    html: `${paragraph(
      `A step took ${ms(stepMs)} ms, and waited ${ms(loadingMs)} ms for its batch (medians of the training). Of ${steps} steps under the engine's profiler, which slows small ops, the ops took ${ms(opsMs)} ms (the median of each): by layer, forward and backward together, and below by op. profile/trace.json opens in Perfetto or chrome://tracing.`,
      `一步用时 ${ms(stepMs)} 毫秒，另外等待批数据 ${ms(loadingMs)} 毫秒（整个训练的中位数）。在引擎的性能分析器下再跑 ${steps} 步（小算子会因此变慢），算子共用 ${ms(opsMs)} 毫秒（各取中位数）：上图按层（前向与反向合计），下表按算子。profile/trace.json 可用 Perfetto 或 chrome://tracing 打开。`,
      "soft",
    )}${card(flame, "full")}${card(`<table><thead>${head}</thead><tbody>${rows.join("")}</tbody></table>`, "fit")}`,
  };
}
