/** @module Names of explanation methods on pages and in pictures. */
import type { Bilingual } from "../charts/charts.js";
import { own } from "../util/record.js";

const TITLES: Readonly<Record<string, Bilingual>> = {
  saliency: { en: "Saliency", zh: "显著图" },
  "input-x-gradient": { en: "Input × gradient", zh: "输入 × 梯度" },
  "smooth-grad": "SmoothGrad",
  "var-grad": "VarGrad",
  "integrated-gradients": { en: "Integrated Gradients", zh: "积分梯度" },
  "expected-gradients": { en: "Expected Gradients", zh: "期望梯度" },
  "guided-backpropagation": { en: "Guided backpropagation", zh: "导向反向传播" },
  "deep-lift": "DeepLIFT",
  lrp: { en: "Layer-wise relevance propagation", zh: "逐层相关性传播" },
  "grad-cam": "Grad-CAM",
  "grad-cam-plus-plus": "Grad-CAM++",
  "layer-cam": "Layer-CAM",
  "score-cam": "Score-CAM",
  "guided-grad-cam": "Guided Grad-CAM",
  "gradient-rollout": { en: "Gradient-weighted rollout", zh: "梯度加权展开" },
  fgsm: "FGSM",
  pgd: "PGD",
  "smallest-change": { en: "Smallest adversarial change", zh: "最小对抗扰动" },
  "attention-rollout": { en: "Attention rollout", zh: "注意力展开" },
  occlusion: { en: "Occlusion", zh: "遮挡" },
  "feature-ablation": { en: "Feature ablation", zh: "特征消融" },
  rise: "RISE",
  lime: "LIME",
  "exact-shapley": { en: "Exact Shapley values", zh: "精确 Shapley 值" },
  "kernel-shap": "KernelSHAP",
  "permutation-shap": { en: "Permutation SHAP", zh: "排列 SHAP" },
  "partition-shap": { en: "Partition SHAP", zh: "分区 SHAP" },
  "gradient-shap": "GradientSHAP",
  "deep-shap": "DeepSHAP",
  "linear-shap": { en: "Linear SHAP", zh: "线性 SHAP" },
};

/** A method's title; its name where it has none here. */
export const methodTitle = (method: string): Bilingual => own(TITLES, method) ?? method;

const MEASURES: Readonly<Record<string, Bilingual>> = {
  completeness: { en: "completeness, 0 is best:", zh: "完备性（0 最好）：" },
  "sensitivity-n": { en: "sensitivity-n, 1 is best:", zh: "sensitivity-n（1 最好）：" },
  infidelity: { en: "infidelity, 0 is best:", zh: "不忠实度（0 最好）：" },
  "max-sensitivity": { en: "max-sensitivity, 0 is best:", zh: "最大敏感度（0 最好）：" },
  insertion: { en: "insertion, more is better:", zh: "插入（越大越好）：" },
  deletion: { en: "deletion, less is better:", zh: "删除（越小越好）：" },
};

/** Returns the title of a measure of faithfulness, with its better direction. */
export const measureTitle = (measure: string): Bilingual => own(MEASURES, measure) ?? `${measure}:`;

const FIGURES: Readonly<Record<string, Bilingual>> = {
  steps: { en: "points of the path:", zh: "路径上的点数：" },
  r2: { en: "r², 1 is best:", zh: "r²（1 最好）：" },
  intercept: { en: "intercept:", zh: "截距：" },
  stability: { en: "stability, 1 is best:", zh: "稳定度（1 最好）：" },
  coalitions: { en: "coalitions:", zh: "联盟数：" },
  orders: { en: "orders:", zh: "排列数：" },
  windows: { en: "windows:", zh: "窗口数：" },
  channels: { en: "channels:", zh: "通道数：" },
  radius: { en: "radius:", zh: "半径：" },
  l2: { en: "length of the change (L2):", zh: "扰动的长度（L2）：" },
  marginBefore: { en: "margin before:", zh: "扰动前的差距：" },
  marginAfter: { en: "margin after:", zh: "扰动后的差距：" },
  turned: { en: "answer turned (1 is yes):", zh: "答案改变（1 为是）：" },
};

/** Returns the title of a method's own figure. */
export const figureTitle = (figure: string): Bilingual => own(FIGURES, figure) ?? `${figure}:`;
