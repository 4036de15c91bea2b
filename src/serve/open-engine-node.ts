/**
 * @module The engine for a path: of a model that generates text, or of any other.
 */
import type { OpenEngineOptions, OwnedEngine } from "./model-engine-node.js";
import { ModelEngine } from "./model-engine-node.js";

/** Opens a model as an engine. Errors: those of `openModel` and of `TextGenerator.open`. */
export function openEngine(path: string, options: OpenEngineOptions = {}): Promise<OwnedEngine> {
  return ModelEngine.open(path, options);
}
