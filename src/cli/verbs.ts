/**
 * @module The table of verbs: name, one line for `descent --help`, and the file, which is loaded when the verb is called.
 */
import type { Verb } from "./verb.js";

export interface VerbRow {
  readonly name: string;
  readonly summary: string;
  // A verb's own option types are forgotten here; that type-checks because `run` is a method, whose parameters are bivariant.
  readonly load: () => Promise<{ readonly verb: Verb }>;
}

/** In the order of `descent --help`. */
export const VERBS: readonly VerbRow[] = [
  { name: "help", summary: "how to use descent, or one of its verbs", load: () => import("./verbs/help.js") },
  { name: "version", summary: "the versions of descent, Node and the engine", load: () => import("./verbs/version.js") },
];
