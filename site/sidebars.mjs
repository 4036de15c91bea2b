/** @module What stands beside each page: documents by need, then the reference by module, in both languages. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every document has a place here. */
const GROUPS = [
  { en: "Begin", zh: "开始", names: ["getting-started"] },
  {
    en: "Train",
    zh: "训练",
    names: [
      "tables", "images", "detection", "recognition-and-generation", "models", "text-classification", "tagging", "language-models", "text", "fine-tuning",
      "compare", "sweeps", "scaling", "memory",
    ],
  },
  { en: "Data", zh: "数据", names: ["data", "labelling"] },
  { en: "Understand and shrink", zh: "解释与压缩", names: ["explanations", "model-explanations", "cost", "compression"] },
  { en: "Put to use", zh: "部署", names: ["deployment", "browser", "serving"] },
  { en: "How it works", zh: "原理", names: ["how-it-works", "tensors-and-gradients", "runtime", "performance", "onnx-ops", "glossary"] },
]; // prettier-ignore

/** The sidebars of both languages. */
export function sidebars(pages) {
  const titleOf = (place) => /^# (.+)$/m.exec(readFileSync(join(pages, `${place}.md`), "utf8"))[1];
  const lost = readdirSync(pages)
    .filter((name) => name.endsWith(".md") && name !== "index.md")
    .filter((name) => !GROUPS.some(({ names }) => names.includes(name.replace(/\.md$/, ""))));
  if (lost.length > 0) throw new Error(`site: expected every document in a group of sidebars.mjs, got ${lost.join(", ")}`);
  const modules = readdirSync(join(pages, "api"), { recursive: true })
    .filter((name) => name.endsWith(".md") && name !== "index.md")
    .map((name) => name.replaceAll("\\", "/").replace(/\.md$/, ""))
    .toSorted();
  const beside = (language) => {
    const at = language === "en" ? "" : "zh/";
    const groups = GROUPS.map(({ names, ...texts }) => ({
      text: texts[language],
      items: names.map((name) => ({ text: titleOf(at + name), link: `/${at}${name}` })),
    }));
    const reference = modules.map((name) => ({ text: name, link: `/${at}api/${name}` }));
    return [
      ...groups,
      { text: language === "en" ? "API reference" : "API 参考（英文）", link: `/${at}api/`, collapsed: true, items: reference },
    ];
  };
  return { en: beside("en"), zh: beside("zh") };
}
