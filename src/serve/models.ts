/**
 * @module The models of a server, by name and version.
 */
import { HttpError, retryLater } from "../http/http-error.js";
import { shown } from "../http/shown.js";
import { ConfigError } from "../util/errors.js";
import type { Engine } from "./engine.js";

/** A model under its name: ready, on its way, or failed. */
export interface ServedModel {
  readonly name: string;
  readonly version: string;
  /** Undefined while there is none. */
  readonly engine: Engine | undefined;
  /** Whether a call would be answered now. */
  readonly isReady: boolean;
  /** The reason why it did not load. */
  readonly failure?: string;
}

/** The models as routes see them. */
export interface ModelSource {
  list(): readonly ServedModel[];
  /** The engine for a call, which may have to be started first. */
  engineFor(model: ServedModel): Promise<Engine>;
  /** Loads a model anew; left out where that cannot be. */
  reload?(name: string): Promise<void>;
}

/** Engines that are there from the start: in one process, or in a page. */
export class LocalModels implements ModelSource {
  readonly #models: readonly ServedModel[];

  /** Engines by name. ConfigError for none. */
  constructor(engines: Readonly<Record<string, Engine>>) {
    this.#models = Object.entries(engines).map(([name, engine]) => ({ name, version: "1", engine, isReady: true }));
    if (this.#models.length === 0) throw new ConfigError("models: expected at least one, got none");
  }

  list(): readonly ServedModel[] {
    return this.#models;
  }

  engineFor({ engine }: ServedModel): Promise<Engine> {
    return Promise.resolve(engine as Engine);
  }
}

/** Versions in their order: numbers as numbers. */
const later = (a: ServedModel, b: ServedModel): number => b.version.localeCompare(a.version, "en", { numeric: true });

/**
 * The model that a request names: its last version that is ready, where none is named; the only model, where no model is.
 *
 * Errors: HttpError 404 for an unknown one, 503 for one that has not loaded.
 */
export function modelNamed(source: ModelSource, name?: string, version?: string): ServedModel {
  const all = source.list();
  const names = [...new Set(all.map((model) => model.name))];
  if (name === undefined && names.length !== 1)
    throw new HttpError(400, `model: expected one of ${names.slice(0, 20).join(", ")}, got none`);
  const versions = all.filter((model) => model.name === (name ?? names[0])).sort(later);
  if (versions.length === 0)
    throw new HttpError(404, `model: expected one of ${names.slice(0, 20).join(", ")}, got ${shown(name ?? "")}`, {
      code: "model_not_found",
    });
  const found =
    version === undefined
      ? (versions.find(({ isReady }) => isReady) ?? versions[0])
      : versions.find((model) => model.version === version);
  if (found === undefined)
    throw new HttpError(
      404,
      `version: expected one of ${versions.map((model) => model.version).join(", ")}, got ${shown(version ?? "")}`,
      {
        code: "model_not_found",
      },
    );
  if (found.failure !== undefined)
    throw retryLater(`model: expected one that has loaded, got ${found.name}, which has not`, 5, 503);
  return found;
}
