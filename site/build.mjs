/**
 * @module The site of all documents, in both languages, with the reference of every public export: `npm ci --ignore-scripts && npm run build` in this folder.
 * It asks no outside address; the search is in its own files. `dist/` can be served by any static host. `check.mjs` looks at what was built.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { sidebars } from "./sidebars.mjs";

const HERE = import.meta.dirname;
const ROOT = resolve(HERE, "..");
const PAGES = join(HERE, "pages");
const TREE = "https://github.com/descentjs/descent/blob/main";

function run(name, ...args) {
  const start = performance.now();
  const { status } = spawnSync(process.execPath, [join(HERE, "node_modules", ...name.split("/")), ...args], {
    cwd: HERE,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`${name}: ended with ${status}`);
  console.log(`${name.split("/")[0]}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** The package's entries by their sources, as a program for Node imports them; the description is that of the file that pages get, which says what both have. */
function entries() {
  const { name: own, exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const target = (found, condition) =>
    typeof found === "string" ? found : target(found[condition] ?? found.default ?? found.node, condition);
  const source = (found, condition) =>
    target(found, condition)
      .replace(/^\.\/dist\//, "")
      .replace(/\.js$/, ".ts");
  const about = (file) => {
    const [, text] = /^\/\*\*\s+\* @module ([^]*?)\*\//.exec(readFileSync(join(ROOT, file), "utf8")) ?? [];
    if (text === undefined) throw new Error(`site: ${file}: expected a description behind @module`);
    return text.replaceAll(/\s*\n \*\s?/g, " ").trim();
  };
  const found = Object.entries(exports)
    .filter(([name]) => name !== "./package.json")
    .map(([name, at]) => [source(at, "node"), { name: own + name.slice(1), about: about(source(at, "default")) }]);
  // `descentjs/train` and `descentjs/train/node` are one file there: the shorter name counts.
  return Object.fromEntries(found.toReversed());
}

/** The reference, a page for each module: one for each export, 1,854, took minutes to build. Chinese pages have a copy, so that their search finds it. */
function reference() {
  const sources = entries();
  writeFileSync(join(HERE, "modules.json"), JSON.stringify(sources, undefined, 2));
  const options = {
    entryPoints: Object.keys(sources).map((source) => join(ROOT, source)),
    tsconfig: join(ROOT, "tsconfig.json"),
    plugin: ["typedoc-plugin-markdown", "./modules.mjs"],
    out: join(PAGES, "api"),
    basePath: ROOT,
    readme: "none",
    router: "module",
    excludeInternal: true,
    excludePrivate: true,
    disableSources: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    entryFileName: "index.md",
    sanitizeComments: true,
    useHTMLAnchors: true,
    name: "API reference",
    indexFormat: "table",
    groupOrder: ["Functions", "Classes", "Variables", "Interfaces", "Type Aliases"],
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
    classPropertiesFormat: "table",
    typeAliasPropertiesFormat: "table",
    propertyMembersFormat: "table",
    skipErrorChecking: true,
    validation: { invalidLink: true, notExported: false, notDocumented: false },
    logLevel: "Warn",
    treatWarningsAsErrors: true,
  };
  writeFileSync(join(HERE, "typedoc.json"), JSON.stringify(options, undefined, 2));
  run("typedoc/bin/typedoc", "--options", join(HERE, "typedoc.json"));
  cpSync(join(PAGES, "api"), join(PAGES, "zh", "api"), { recursive: true });
}

/** A document with its links as the site has them: other documents by their place, files of the repository at their host. */
function adapted(text, place) {
  const inZh = place.startsWith("zh/");
  return text
    .replaceAll("](docs/zh/", "](./")
    .replaceAll("](docs/", inZh ? "](../" : "](./")
    .replaceAll(/\]\(\.\.\/([\w-]+\.md)/g, (link, name) =>
      inZh && !existsSync(join(ROOT, "docs", "zh", name)) ? `](./${name}` : link,
    )
    .replaceAll("](README.zh-CN.md)", "](/zh/)")
    .replaceAll("](README.md)", "](/)")
    .replaceAll(
      /\]\((?:\.\.\/)*((?:examples|datasets|benchmarks|bench|src|test|scripts|CONTRIBUTING|CHANGELOG|LICENSE)[^)\s]*)\)/g,
      `](${TREE}/$1)`,
    );
}

/** The pages of the documents. What one language lacks is the page of the other one there, which says so: the switch of languages leads somewhere from every page. */
function documents() {
  const copy = (from, to, first = "") => {
    mkdirSync(join(PAGES, to, ".."), { recursive: true });
    writeFileSync(join(PAGES, to), first + adapted(readFileSync(join(ROOT, from), "utf8"), to));
  };
  const namesIn = (folder) => readdirSync(join(ROOT, folder)).filter((file) => file.endsWith(".md"));
  for (const name of namesIn("docs")) {
    copy(`docs/${name}`, name);
    copy(`docs/${name}`, `zh/${name}`, "> 这一页目前只有英文。\n\n");
  }
  for (const name of namesIn("docs/zh")) {
    copy(`docs/zh/${name}`, `zh/${name}`);
    if (!existsSync(join(PAGES, name))) copy(`docs/zh/${name}`, name, "> This page is about Chinese words, in Chinese.\n\n");
  }
  copy("README.md", "index.md");
  copy("README.zh-CN.md", "zh/index.md");
  cpSync(join(ROOT, "docs", "pictures"), join(PAGES, "pictures"), { recursive: true });
}

rmSync(PAGES, { recursive: true, force: true });
mkdirSync(PAGES, { recursive: true });
documents();
reference();
writeFileSync(join(PAGES, "sidebars.json"), JSON.stringify(sidebars(PAGES)));
cpSync(join(HERE, "config.mjs"), join(PAGES, ".vitepress", "config.mjs"));
run("vitepress/bin/vitepress.js", "build", "pages", "--outDir", join(HERE, "dist"));
