/**
 * @module Looks at the built site: every link and every anchor leads somewhere, files of the repository that are linked exist, every public export is there, and no
 * page asks anything of another host. Then, where there is a Chromium, some pages are opened and searched in both languages (`look.mjs`).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const DIST = join(import.meta.dirname, "dist");
const ROOT = resolve(import.meta.dirname, "..");
const TREE = "https://github.com/descentjs/descent/blob/main/";
const problems = [];

const files = readdirSync(DIST, { recursive: true }).map((name) => name.replaceAll("\\", "/"));
const pages = new Map(
  files.filter((name) => name.endsWith(".html")).map((name) => [name, readFileSync(join(DIST, name), "utf8")]),
);
const unescaped = (text) => text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");
const idsOf = new Map(
  [...pages].map(([name, html]) => [name, new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => unescaped(id)))]),
);

/** Where a link of a page leads: a file below dist, and the anchor. */
function targetOf(link, page) {
  const { pathname, hash } = new URL(link, `http://site/${page}`);
  const path = decodeURIComponent(pathname).slice(1);
  return [path === "" || path.endsWith("/") ? `${path}index.html` : path, decodeURIComponent(hash.slice(1))];
}

let links = 0;
for (const [page, html] of pages) {
  for (const [, tag, attributes] of html.matchAll(/<(\w+)((?:\s[^<>]*)?)>/g))
    for (const [, kind, value] of attributes.matchAll(/\s(href|src|srcset|action|poster)="([^"]*)"/g)) {
      const link = unescaped(value);
      links++;
      if (link.startsWith(TREE)) {
        if (!existsSync(join(ROOT, link.slice(TREE.length).replace(/#.*/, ""))))
          problems.push(`${page}: no such file in the repository: ${link}`);
      } else if (/^(?:[a-z]+:)?\/\//.test(link)) {
        // A reader follows links by choice; all else is asked for by the page.
        if (tag !== "a" || kind !== "href") problems.push(`${page}: <${tag}> asks ${link}`);
      } else if (!/^(?:data|mailto):/.test(link)) {
        const [target, anchor] = targetOf(link, page);
        if (!files.includes(target)) problems.push(`${page}: no such page: ${link}`);
        else if (anchor !== "" && target.endsWith(".html") && !idsOf.get(target).has(anchor))
          problems.push(`${page}: no such anchor: ${link}`);
      }
    }
}
for (const name of files.filter((file) => file.endsWith(".css")))
  for (const [, address] of readFileSync(join(DIST, name), "utf8").matchAll(
    /(?:url\(|@import\s*)["']?((?:https?:)?\/\/[^)"']+)/g,
  ))
    problems.push(`${name}: asks ${address}`);

if (problems.length > 0) {
  console.error([...problems.slice(0, 40), `site: ${problems.length} problems`].join("\n"));
  process.exit(1);
}
console.log(`site: ${pages.size} pages, ${links} links and files, all found; none of another host is asked for`);
