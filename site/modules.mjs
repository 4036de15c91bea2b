/**
 * @module A plugin of TypeDoc: modules are called as programs import them. What stands behind `@module` in our files is a sentence, which TypeDoc takes for a
 * name; it becomes the description.
 */
import { readFileSync } from "node:fs";
import { Comment, Converter, ReflectionKind } from "typedoc";

/** Names of entries by their source files; written by build.mjs. */
const names = JSON.parse(readFileSync(new URL("modules.json", import.meta.url), "utf8"));

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const module of context.project.getChildrenByKind(ReflectionKind.Module)) {
      const file = context.getSymbolFromReflection(module)?.declarations?.[0]?.getSourceFile().fileName;
      const name = Object.entries(names).find(([source]) => file?.endsWith(source))?.[1];
      if (name === undefined) throw new Error(`site: expected an entry of package.json, got the module ${module.name} (${file})`);
      module.comment ??= new Comment();
      if (module.name.includes(" ") || module.name.endsWith(".")) module.comment.summary.unshift({ kind: "text", text: module.name });
      module.name = name;
    }
  });
}
