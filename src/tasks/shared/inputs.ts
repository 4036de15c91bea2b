/**
 * @module The common part of reading inputs from a command line.
 */
import { ConfigError } from "../../util/errors.js";

/** ConfigError where nothing was given. */
export function expectInputs(inputs: readonly string[]): void {
  if (inputs.length === 0) throw new ConfigError("predict: expected an input, got none");
}
