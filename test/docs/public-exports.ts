/**
 * @module The public exports of the package, entry by entry, with their docstrings, as the shipped declarations have them.
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ROOT } from "./markdown.js";

export interface PublicExport {
  /** The first entry that has it: `descentjs/nn`. */
  readonly entry: string;
  readonly name: string;
  /** Name where it is declared. */
  readonly declared: string;
  /** Its declarations' file, relative to the repository. */
  readonly file: string;
  readonly kind: string;
  readonly docstring: string | undefined;
  /** Declaration behind the name, without docstrings of members, on one line. */
  readonly signature: string;
}

const DECLARATION =
  /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?^export (?:declare )?(?:abstract )?(function|const|class|interface|type) (\w+)([^]*?)(?=\n(?:export|declare|import|\/\*\*)|(?![^]))/gm;

/** Names behind the first of `const a: A, b: B`, which are outside of all brackets. */
function furtherNames(signature: string): string[] {
  let depth = 0;
  const names: string[] = [];
  for (let i = 0; i < signature.length; i++) {
    const c = signature[i] as string;
    if ("([{".includes(c) || (c === "<" && signature[i - 1] !== "=")) depth++;
    else if (")]}".includes(c) || (c === ">" && signature[i - 1] !== "=")) depth--;
    else if (c === "," && depth === 0) {
      const found = /^, (\w+): /.exec(signature.slice(i));
      if (found !== null) names.push(found[1] as string);
    }
  }
  return names;
}

const known = new Map<string, Map<string, PublicExport>>();

/** Everything that a file of declarations exports, also from others. */
function exportsOf(path: string, entry: string): Map<string, PublicExport> {
  const seen = known.get(path);
  if (seen !== undefined) return seen;
  const all = new Map<string, PublicExport>();
  known.set(path, all);
  const text = readFileSync(path, "utf8");
  const from = (name: string) => exportsOf(resolve(dirname(path), name.replace(/\.js$/, ".d.ts")), entry);
  for (const [, name] of text.matchAll(/^export \* from "(\.[^"]*)";/gm))
    for (const [key, value] of from(name as string)) if (!all.has(key)) all.set(key, value);
  for (const [, comment = "", kind = "", name = "", rest = ""] of text.matchAll(DECLARATION)) {
    const before = all.get(name);
    if (before?.file === path.slice(ROOT.length) && before.kind !== "type") continue; // a further signature
    const signature = rest.replaceAll(/\/\*\*[^]*?\*\//g, "").replaceAll(/\s+/g, " ");
    const docstring = comment === "" || comment.includes("@module") ? undefined : comment;
    const found = { entry, declared: name, file: path.slice(ROOT.length), kind, docstring, signature };
    all.set(name, { ...found, name });
    if (kind === "const") for (const other of furtherNames(signature)) all.set(other, { ...found, name: other });
  }
  const imported = new Map<string, () => PublicExport | undefined>();
  for (const [, names = "", place = ""] of text.matchAll(/^import (?:type )?\{([^}]*)\} from "(\.[^"]*)";/gm))
    for (const [own, here] of pairs(names)) imported.set(here, () => from(place).get(own));
  for (const [, names = "", place] of text.matchAll(/^export (?:type )?\{([^}]*)\}(?: from "(\.[^"]*)")?;/gm))
    for (const [own, here] of pairs(names)) {
      const found = place === undefined ? (imported.get(own)?.() ?? all.get(own)) : from(place).get(own);
      if (found !== undefined) all.set(here, { ...found, name: here });
      else if (place !== undefined || !all.has(own)) throw new Error(`${path}: ${own} is not found`);
    }
  return all;
}

/** `a, type b as c` as pairs of names: there and here. */
const pairs = (names: string): (readonly [string, string])[] =>
  names
    .split(",")
    .map((part) => part.trim().replace(/^type /, ""))
    .filter((part) => part !== "")
    .map((part) => {
      const [own = "", here = own] = part.split(" as ");
      return [own, here] as const;
    });

type Target = string | { readonly [condition: string]: Target };
const targets = (target: Target): string[] => (typeof target === "string" ? [target] : Object.values(target).flatMap(targets));

/** All public exports, each declaration once. */
export function publicExports(): readonly PublicExport[] {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    name: string;
    exports: Record<string, Target>;
  };
  const found = new Map<string, PublicExport>();
  for (const [entry, target] of Object.entries(exports)) {
    if (entry === "./package.json") continue;
    for (const file of new Set(targets(target).map((path) => join(ROOT, path.replace(/\.js$/, ".d.ts")))))
      for (const one of exportsOf(file, name + entry.slice(1)).values()) {
        const key = `${one.file}#${one.name}`;
        if (!found.has(key)) found.set(key, one);
      }
  }
  return [...found.values()];
}
