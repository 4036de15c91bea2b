/**
 * @module `--shape`: lengths of free dimensions by their names, and shapes of inputs by theirs.
 */
import { ConfigError } from "../util/errors.js";
import { list, text } from "../util/option.js";

export const shapeOption = list(
  text({
    help: "the length of a free dimension (batch=8), or the shape of an input (x=8x3x224x224)",
    metavar: "NAME=N",
  }),
);

/** Longer axes are typing errors: engines count in 32 bits. */
const MOST_LENGTH = 2 ** 31 - 1;

/** Lengths by the names of dimensions, and shapes by those of inputs. */
export interface GivenShapes {
  readonly bindings: Readonly<Record<string, number>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/**
 * Reads `--shape` against the names that a model has.
 *
 * Errors: ConfigError for what is not a NAME=NUMBER or NAME=NxN…, a name that is none of the model's, and one that is given two values.
 */
export function parseShapes(given: readonly string[], dimensions: readonly string[], inputs: readonly string[]): GivenShapes {
  const [bindings, shapes] = [new Map<string, number>(), new Map<string, readonly number[]>()];
  for (const item of given) {
    const [, name = "", value = ""] = /^(.+)=(\d+(?:x\d+)*)$/.exec(item) ?? [];
    const where = `--shape ${item}`;
    if (name === "") throw new ConfigError(`${where}: expected NAME=NUMBER or NAME=NUMBERxNUMBER…, got "${item}"`);
    const lengths = value.split("x").map(Number);
    const large = lengths.find((d) => d > MOST_LENGTH);
    if (large !== undefined) throw new ConfigError(`${where}: expected lengths of at most ${MOST_LENGTH}, got ${large}`);
    const before = bindings.get(name) ?? shapes.get(name)?.join("x");
    if (before !== undefined && String(before) !== lengths.join("x"))
      throw new ConfigError(`${where}: expected one value for ${name}, got ${before} before; leave one of them out`);
    if (inputs.includes(name)) shapes.set(name, lengths);
    else if (dimensions.includes(name) && lengths.length === 1) bindings.set(name, lengths[0] as number);
    else {
      const free = dimensions.length === 0 ? "no free dimension" : `free dimensions ${dimensions.join(", ")}`;
      throw new ConfigError(
        `${where}: expected a name of the model's, which has ${free} and inputs ${inputs.join(", ")}, got ${name}`,
      );
    }
  }
  return { bindings: Object.fromEntries(bindings), shapes: Object.fromEntries(shapes) };
}
