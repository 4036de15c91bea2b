/** @module The part of a report that says where the time of a step goes. */
import { icicleChart, icicleOf } from "../charts/index.js";
import type { StepProfile, UseProfile } from "../cost/profile.js";
import { byOp, kindOf } from "../cost/profile.js";
import type { Bilingual, Language } from "../charts/charts.js";
import { formatInteger } from "../util/text.js";
import { card, chartStyle, heading, page, paragraph } from "./page.js";
import type { ReportData } from "./data.js";
import { both } from "./words.js";

const SHOWN_OPS = 12;

const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** Words for what is counted: a step, or a pass. */
interface Unit {
  readonly root: string;
  readonly title: Bilingual;
  readonly column: Bilingual;
  readonly kinds: readonly Bilingual[];
}

const STEP: Unit = {
  root: "step",
  title: { en: "milliseconds of a step by layer and op", zh: "训练一步各层、各算子的毫秒数" },
  column: { en: "ms a step", zh: "毫秒/步" },
  kinds: [
    { en: "layers", zh: "各层" },
    { en: "optimizer", zh: "优化器" },
    { en: "loss and the rest", zh: "损失及其他" },
  ],
};

const PASS: Unit = {
  root: "pass",
  title: { en: "milliseconds of a pass by layer and op", zh: "每遍各层、各算子的毫秒数" },
  column: { en: "ms a pass", zh: "毫秒/遍" },
  kinds: [
    { en: "layers", zh: "各层" },
    { en: "the rest", zh: "其他" },
  ],
};

/** A flame graph by layer and op, and a table by op. */
function flameAndTable(profile: StepProfile, { root, title, column, kinds }: Unit, language: ReportData["language"]): string {
  const { ops, opsMs } = profile;
  const last = kinds.length - 1;
  const amounts = ops.map((one) => ({
    path: `${one.path}.${one.op}`,
    amount: one.milliseconds,
    kind: Math.min(last, kindOf(one)),
  }));
  const flame = icicleChart({
    ...chartStyle(language),
    title,
    root: icicleOf(root, amounts),
    format: (amount) => `${ms(amount)} ms`,
    kinds,
    width: 1026,
  });
  const rows = byOp(profile)
    .slice(0, SHOWN_OPS)
    .map(
      ({ op, milliseconds, nodes }) =>
        `<tr><th>${both(op)}</th><td class="n">${formatInteger(nodes)}</td><td class="n">${ms(milliseconds)}</td><td class="n">${((100 * milliseconds) / opsMs).toFixed(1)} %</td></tr>`,
    );
  const head = `<tr><th>${both({ en: "op", zh: "算子" })}</th><th class="n">${both({ en: "nodes", zh: "节点" })}</th><th class="n">${both(column)}</th><th class="n">${both({ en: "share", zh: "占比" })}</th></tr>`;
  return `${card(flame, "full")}${card(`<table><thead>${head}</thead><tbody>${rows.join("")}</tbody></table>`, "fit")}`;
}

/** The section of a training's report. */
export function profileSection(
  profile: StepProfile,
  language: ReportData["language"],
): { title: { en: string; zh: string }; html: string } {
  const { opsMs, loadingMs, stepMs, steps } = profile;
  return {
    title: { en: "Where the time goes", zh: "时间花在哪里" },
    html: `${paragraph(
      `A step took ${ms(stepMs)} ms, and waited ${ms(loadingMs)} ms for its batch (medians of the training). Of ${steps} steps under the engine's profiler, which slows small ops, the ops took ${ms(opsMs)} ms (the median of each): by layer, forward and backward together, and below by op. profile/trace.json opens in Perfetto or chrome://tracing.`,
      `一步用时 ${ms(stepMs)} 毫秒，另外等待批数据 ${ms(loadingMs)} 毫秒（整个训练的中位数）。在引擎的性能分析器下再跑 ${steps} 步（小算子会因此变慢），算子共用 ${ms(opsMs)} 毫秒（各取中位数）：上图按层（前向与反向合计），下表按算子。profile/trace.json 可用 Perfetto 或 chrome://tracing 打开。`,
      "soft",
    )}${flameAndTable(profile, STEP, language)}`,
  };
}

/** The page of a model in use. */
export function useProfilePage(profile: UseProfile, name: string, language: Language = "en"): string {
  const { opsMs, loadingMs, stepMs, steps, examples, readingMs } = profile;
  const count = formatInteger(examples);
  const told = paragraph(
    `A pass over ${count} examples took ${ms(stepMs)} ms (the median of several). In ${steps} passes under the engine's profiler, which slows small ops, the ops took ${ms(opsMs)} ms of each (the median of each node): by layer, and below by op. Waiting for batches, copying them in and answers out took ${ms(loadingMs)} ms of a pass; reading and encoding all inputs beforehand took ${ms(readingMs)} ms, once. trace.json opens in Perfetto or chrome://tracing.`,
    `把 ${count} 个样本跑一遍用时 ${ms(stepMs)} 毫秒（多遍的中位数）。在引擎的性能分析器下又跑了 ${steps} 遍（小算子会因此变慢），每遍中算子共用 ${ms(opsMs)} 毫秒（每个节点取中位数）：上图按层，下表按算子。等待批数据、把数据送入引擎并取出结果，每遍用时 ${ms(loadingMs)} 毫秒；此前读取并编码全部输入用时 ${ms(readingMs)} 毫秒，只有一次。trace.json 可用 Perfetto 或 chrome://tracing 打开。`,
    "soft",
  );
  const title = heading(`Where the time goes: ${name}`, `时间花在哪里：${name}`);
  return page(`${name}: profile`, `${title}${told}${flameAndTable(profile, PASS, language)}`, language);
}
