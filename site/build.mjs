/**
 * @module The site of all documents, in both languages, with the reference of every public export: `npm install --ignore-scripts && npm run build` in this folder.
 * It asks no outside address; the search is in its own files. `dist/` can be served by any static host.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const HERE = import.meta.dirname;
const ROOT = resolve(HERE, "..");
const PAGES = join(HERE, "pages");
const TREE = "https://github.com/descentjs/descent/blob/main";

function run(name, ...args) {
  const { status } = spawnSync(process.execPath, [join(HERE, "node_modules", ...name.split("/")), ...args], { cwd: HERE, stdio: "inherit" });
  if (status !== 0) throw new Error(`${name}: ended with ${status}`);
}

/** The package's entries, as a program for Node imports them, by their sources. */
function entries() {
  const { name: own, exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const target = (found) => (typeof found === "string" ? found : target(found.node ?? found.default));
  const found = Object.entries(exports)
    .filter(([name]) => name !== "./package.json")
    .map(([name, at]) => [target(at).replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts"), own + name.slice(1)]);
  // `descentjs/train` and `descentjs/train/node` are one file there: the shorter name counts.
  return Object.fromEntries(found.toReversed());
}

/** The reference, a page for each export. */
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
    excludeInternal: true,
    excludePrivate: true,
    disableSources: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    entryFileName: "index.md",
    skipErrorChecking: true,
    validation: { invalidLink: true, notExported: false, notDocumented: false },
    logLevel: "Warn",
  };
  writeFileSync(join(HERE, "typedoc.json"), JSON.stringify(options, undefined, 2));
  run("typedoc/bin/typedoc", "--options", join(HERE, "typedoc.json"));
}

/** A document with its links as the site has them: other documents by their place, files of the repository at their host. */
function adapted(text, place) {
  const inZh = place.startsWith("zh/");
  return text
    .replaceAll("](docs/zh/", "](./")
    .replaceAll("](docs/", inZh ? "](../" : "](./")
    .replaceAll("](README.zh-CN.md)", "](/zh/)")
    .replaceAll("](README.md)", "](/)")
    .replaceAll(/\]\((?:\.\.\/)*((?:examples|datasets|benchmarks|bench|src|test|scripts|CONTRIBUTING|CHANGELOG|LICENSE)[^)\s]*)\)/g, `](${TREE}/$1)`);
}

function documents() {
  const copy = (from, to) => {
    mkdirSync(join(PAGES, to, ".."), { recursive: true });
    writeFileSync(join(PAGES, to), adapted(readFileSync(join(ROOT, from), "utf8"), to));
  };
  for (const name of readdirSync(join(ROOT, "docs")).filter((file) => file.endsWith(".md"))) copy(`docs/${name}`, name);
  for (const name of readdirSync(join(ROOT, "docs", "zh")).filter((file) => file.endsWith(".md"))) copy(`docs/zh/${name}`, `zh/${name}`);
  copy("README.md", "index.md");
  copy("README.zh-CN.md", "zh/index.md");
  cpSync(join(ROOT, "docs", "pictures"), join(PAGES, "pictures"), { recursive: true });
}

const titleOf = (place) => /^# (.+)$/m.exec(readFileSync(join(PAGES, place), "utf8"))?.[1] ?? basename(place, ".md");

/** The sidebar: documents by their titles, then the reference by module. */
function sidebars() {
  const list = (folder) =>
    readdirSync(join(PAGES, folder))
      .filter((name) => name.endsWith(".md") && name !== "index.md")
      .map((name) => ({ text: titleOf(join(folder, name)), link: `/${folder}${name.replace(/\.md$/, "")}` }));
  writeFileSync(join(PAGES, "sidebar.json"), JSON.stringify({ en: list(""), zh: list("zh/") }));
}

rmSync(PAGES, { recursive: true, force: true });
mkdirSync(PAGES, { recursive: true });
documents();
reference();
sidebars();
cpSync(join(HERE, "config.mjs"), join(PAGES, ".vitepress", "config.mjs"));
run("vitepress/bin/vitepress.js", "build", "pages", "--outDir", join(HERE, "dist"));
