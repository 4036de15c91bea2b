/**
 * @module The parameters of a model that have a place for each class, whatever the model calls them.
 */
import type { Module } from "../../nn/index.js";
import type { ModelChoice, NamedParameter, TaskInfo } from "../task.js";

/** The place of the class that is added to see what grows. */
const ANOTHER = "\u0000";

/** Finds the axes that follow the classes `names`: those that are one longer in `grown`, the same model for one class more. */
function axesOf(model: Module, grown: Module, names: readonly string[]): ReadonlyMap<string, NamedParameter> {
  const larger = grown.state();
  const found = new Map<string, NamedParameter>();
  for (const [path, { dims }] of model.state()) {
    const axes = dims.slice(0, 2).map((size, axis) => {
      const follows = size === names.length && larger.get(path)?.dims[axis] === size + 1;
      return follows ? { of: "class" as const, names } : undefined;
    });
    if (axes.some((axis) => axis !== undefined)) found.set(path, { axes });
  }
  return found;
}

/** `Task.namedParameters` of a task whose models follow the data by their classes alone; `withClass` is the data of one class more. */
export const namedByClasses =
  <I extends TaskInfo>(
    models: readonly ModelChoice<I>[],
    namesOf: (info: I) => readonly string[],
    withClass: (info: I, name: string) => I,
  ) =>
  (info: I, model: Module, modelName: string): ReadonlyMap<string, NamedParameter> => {
    // An imported graph is none of them: its head goes by the number of classes.
    const choice = models.find(({ name }) => name === modelName);
    return choice?.build === undefined ? new Map() : axesOf(model, choice.build(withClass(info, ANOTHER)), namesOf(info));
  };
