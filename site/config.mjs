/** @module The site's settings: two languages, a search in its own files, dead links refused. */
import { readFileSync } from "node:fs";

const { en, zh } = JSON.parse(readFileSync(new URL("../sidebar.json", import.meta.url), "utf8"));
const reference = (text) => ({ text, link: "/api/" });

export default {
  title: "Descent",
  cleanUrls: false,
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  // Types such as Record<string, T> in prose are no tags.
  markdown: { html: false },
  themeConfig: { search: { provider: "local" }, outline: [2, 3] },
  locales: {
    root: { label: "English", lang: "en", themeConfig: { sidebar: [{ text: "Documents", items: en }, reference("API reference")] } },
    zh: { label: "中文", lang: "zh-CN", themeConfig: { sidebar: [{ text: "文档", items: zh }, reference("API 参考（英文）")] } },
  },
};
