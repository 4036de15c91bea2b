/** @module The site's settings: two languages, a search in its own files, dead links refused. */
import { readFileSync } from "node:fs";

const { en, zh } = JSON.parse(readFileSync(new URL("../sidebars.json", import.meta.url), "utf8"));

/** Anchors of headings as GitHub makes them, since the documents are read there, too. */
const slugify = (text) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
    .replaceAll(" ", "-");

/** Words of a text for the search; Chinese has no blanks between words, and goes in by pairs of characters. It runs in the page, too: it names nothing outside. */
const tokenize = (text) =>
  text.split(/[\n\r\p{Z}\p{P}\p{S}]+/u).flatMap((word) =>
    word.split(/(\p{Script=Han}+)/u).flatMap((part) => {
      if (!/\p{Script=Han}/u.test(part) || part.length < 3) return part === "" ? [] : [part];
      return Array.from({ length: part.length - 1 }, (_, i) => part.slice(i, i + 2));
    }),
  );

const searchInChinese = {
  button: { buttonText: "搜索", buttonAriaLabel: "搜索" },
  modal: {
    displayDetails: "显示详情",
    resetButtonTitle: "清除",
    backButtonTitle: "关闭",
    noResultsText: "没有结果：",
    footer: { selectText: "打开", navigateText: "选择", closeText: "关闭" },
  },
};

const chinese = {
  sidebar: zh,
  outline: { level: [2, 3], label: "本页内容" },
  docFooter: { prev: "上一页", next: "下一页" },
  sidebarMenuLabel: "目录",
  returnToTopLabel: "回到顶部",
  langMenuLabel: "切换语言",
  skipToContentLabel: "跳到正文",
  darkModeSwitchLabel: "深色模式",
  lightModeSwitchTitle: "切换为浅色",
  darkModeSwitchTitle: "切换为深色",
  notFound: { title: "没有这一页", quote: "地址可能有误。", linkLabel: "回到首页", linkText: "回到首页" },
};

export default {
  title: "Descent",
  cleanUrls: false,
  head: [["link", { rel: "icon", href: "data:," }]],
  vite: { build: { chunkSizeWarningLimit: 8000 } },
  markdown: { anchor: { slugify } },
  themeConfig: {
    outline: [2, 3],
    search: {
      provider: "local",
      options: {
        miniSearch: { options: { tokenize }, searchOptions: { combineWith: "AND" } },
        locales: { zh: { translations: searchInChinese } },
      },
    },
  },
  locales: {
    root: {
      label: "English",
      lang: "en",
      description: "Train neural networks in TypeScript, in Node and in the browser",
      themeConfig: { sidebar: en },
    },
    zh: { label: "中文", lang: "zh-CN", description: "用 TypeScript 在 Node 和浏览器中训练神经网络", themeConfig: chinese },
  },
};
