/** @module The words of a report, in English and in Simplified Chinese: names of tasks and metrics, and how a value is written. */
import { formatNumber } from "../util/text.js";
import { escapeXml } from "../charts/charts.js";
import type { Bilingual } from "../charts/charts.js";
import { own } from "../util/record.js";

/** Escaped markup of a label: both wordings, of which the page shows one. */
export const both = (label: Bilingual): string =>
  typeof label === "string" ? escapeXml(label) : bothMarkup(escapeXml(label.en), escapeXml(label.zh));

/** The same of markup that is escaped already. */
export const bothMarkup = (en: string, zh: string): string =>
  en === zh ? en : `<span class="en" lang="en">${en}</span><span class="zh" lang="zh-CN">${zh}</span>`;

const METRICS: Readonly<Record<string, Bilingual>> = {
  loss: { en: "loss", zh: "损失" },
  accuracy: { en: "accuracy", zh: "准确率" },
  balancedAccuracy: { en: "balanced accuracy", zh: "平衡准确率" },
  precision: { en: "precision", zh: "精确率" },
  recall: { en: "recall", zh: "召回率" },
  f1: { en: "F1", zh: "F1" },
  macroPrecision: { en: "macro precision", zh: "宏平均精确率" },
  macroRecall: { en: "macro recall", zh: "宏平均召回率" },
  macroF1: { en: "macro F1", zh: "宏平均 F1" },
  predicateF1: { en: "F1 of finding predicates", zh: "谓词识别 F1" },
  microF1: { en: "micro F1", zh: "微平均 F1" },
  top3: { en: "top-3 accuracy", zh: "前 3 准确率" },
  top5: { en: "top-5 accuracy", zh: "前 5 准确率" },
  auc: { en: "AUC", zh: "AUC" },
  map: { en: "mAP@[.5:.95]", zh: "mAP@[.5:.95]" },
  map50: { en: "mAP@0.5", zh: "mAP@0.5" },
  map75: { en: "mAP@0.75", zh: "mAP@0.75" },
  mse: { en: "mean squared error", zh: "均方误差" },
  meanSquaredError: { en: "mean squared error", zh: "均方误差" },
  rmse: { en: "root mean squared error", zh: "均方根误差" },
  mae: { en: "mean absolute error", zh: "平均绝对误差" },
  meanAbsoluteError: { en: "mean absolute error", zh: "平均绝对误差" },
  r2: { en: "R²", zh: "R²" },
  perplexity: { en: "perplexity", zh: "困惑度" },
  bitsPerCharacter: { en: "bits per character", zh: "每字符比特数" },
  recallAt1: { en: "recall@1", zh: "recall@1" },
  unseenRecallAt1: { en: "recall@1, classes never trained on", zh: "recall@1（训练中未见的类别）" },
  rocAuc: { en: "area under ROC", zh: "ROC 曲线下面积" },
  macroRocAuc: { en: "macro area under ROC", zh: "宏平均 ROC 曲线下面积" },
  averagePrecision: { en: "average precision", zh: "平均精确率" },
  macroAveragePrecision: { en: "macro average precision", zh: "宏平均的平均精确率" },
  auroc: { en: "AUROC, known against unknown", zh: "AUROC（已知对未知）" },
  falseAcceptRate: { en: "unknown images that get a name", zh: "未知图像的误认率" },
  identificationRate: { en: "known images that get their name", zh: "已知图像的识别率" },
  frechetDistance: { en: "Fréchet distance", zh: "Fréchet 距离" },
  frechetFloor: { en: "Fréchet distance of training images", zh: "训练图像的 Fréchet 距离" },
  gradientNorm: { en: "gradient norm", zh: "梯度范数" },
};

export const metricLabel = (name: string): Bilingual => own(METRICS, name) ?? name;

const FRACTION =
  /^(accuracy|balancedAccuracy|(macro|micro|weighted|predicate)?(precision|recall|f1)|top\d+|auc|(macro)?(rocauc|averageprecision)|auroc|(unseen)?recallAt\d+|falseAcceptRate|identificationRate|map\d*|ap50 .+|iou)$/i;

/** Tells whether a metric is a fraction in 0…1, which people read in percent. */
export const isFraction = (name: string): boolean => FRACTION.test(name);

/** Metrics of which more is better. */
export const moreIsBetter = (name: string): boolean => (isFraction(name) && name !== "falseAcceptRate") || name === "r2";

export const formatPercent = (fraction: number, digits = 1): string => `${(fraction * 100).toFixed(digits)} %`;

/** A metric as people read it. */
export const formatMetric = (name: string, value: number): string =>
  isFraction(name) ? formatPercent(value) : formatNumber(value);

/** A time as people say it: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export function formatDuration(seconds: number): Bilingual {
  if (seconds < 1) {
    const text = `${formatNumber(Math.round(seconds * 1e5) / 100)} `;
    return { en: `${text}ms`, zh: `${text}毫秒` };
  }
  if (seconds < 60) return { en: `${seconds.toFixed(1)} s`, zh: `${seconds.toFixed(1)} 秒` };
  const whole = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  if (whole < 3600) {
    const [minutes, rest] = [Math.floor(whole / 60), two(whole % 60)];
    return { en: `${minutes} min ${rest} s`, zh: `${minutes} 分 ${rest} 秒` };
  }
  const [hours, minutes] = [Math.floor(whole / 3600), two(Math.floor(whole / 60) % 60)];
  return { en: `${hours} h ${minutes} min`, zh: `${hours} 小时 ${minutes} 分` };
}
