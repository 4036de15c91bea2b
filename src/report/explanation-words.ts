/** @module What methods of explanation are called on pages and in pictures. */
import type { Bilingual } from "../charts/charts.js";

const TITLES: Readonly<Record<string, Bilingual>> = {
  saliency: { en: "Saliency", zh: "显著图" },
  "input-x-gradient": { en: "Input × gradient", zh: "输入 × 梯度" },
  "smooth-grad": "SmoothGrad",
  "var-grad": "VarGrad",
  "integrated-gradients": { en: "Integrated Gradients", zh: "积分梯度" },
  "expected-gradients": { en: "Expected Gradients", zh: "期望梯度" },
  "guided-backpropagation": { en: "Guided backpropagation", zh: "导向反向传播" },
  "deep-lift": "DeepLIFT",
  "layer-wise-relevance-propagation": { en: "Layer-wise relevance propagation", zh: "逐层相关性传播" },
  "grad-cam": "Grad-CAM",
  "grad-cam-plus-plus": "Grad-CAM++",
  "layer-cam": "Layer-CAM",
  "score-cam": "Score-CAM",
  "guided-grad-cam": "Guided Grad-CAM",
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
export const methodTitle = (method: string): Bilingual =>
  Object.hasOwn(TITLES, method) ? (TITLES[method] as Bilingual) : method;
