/** @module A plugin of TypeDoc: modules are called as programs import them, and described by what stands behind `@module`, which TypeDoc takes for a name. */
import { readFileSync } from "node:fs";
import { Comment, Converter, ReflectionKind } from "typedoc";

/** Entries by their source files; written by build.mjs. */
const entries = JSON.parse(readFileSync(new URL("modules.json", import.meta.url), "utf8"));

export function load(app) {
  // Members of a base class stand there; printed again in each of 200 layers and models they were half of the reference.
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const one of project.getReflectionsByKind(ReflectionKind.ClassMember))
      if (one.inheritedFrom !== undefined) project.removeReflection(one);
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const module of context.project.getChildrenByKind(ReflectionKind.Module)) {
      const file = context.getSymbolFromReflection(module)?.declarations?.[0]?.getSourceFile().fileName;
      const entry = Object.entries(entries).find(([source]) => file?.endsWith(`/${source}`))?.[1];
      if (entry === undefined)
        throw new Error(`site: expected an entry of package.json, got the module ${module.name} (${file})`);
      module.comment = new Comment([{ kind: "text", text: entry.about }]);
      module.name = entry.name;
    }
  });
}
