/**
 * @module Checks of what a layer is given, with messages that begin with its path.
 */
import type { Tensor } from "../graph/index.js";
import { currentScope, dimEquals, formatShape } from "../graph/index.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import type { Module } from "./module.js";

/** `fc1: Linear`, as error messages begin. */
export const layerName = (module: Module): string => {
  const scope = currentScope();
  return scope === "" ? module.constructor.name : `${scope}: ${module.constructor.name}`;
};

/** A ShapeError unless the last dimension of x is `size`. */
export function expectLast(module: Module, x: Tensor, size: number): void {
  if (x.rank === 0 || !dimEquals(x.shape[x.rank - 1] as number, size))
    throw new ShapeError(`${layerName(module)}: expected [.., ${size}], got ${formatShape(x.shape)}`);
}

/** A ShapeError unless x is [N, channels, ..] with `axes` spatial axes (any number if left out). */
export function expectChannels(module: Module, x: Tensor, channels: number, axes?: number): void {
  const fits = x.rank >= 2 && dimEquals(x.shape[1] as number, channels) && (axes === undefined || x.rank === axes + 2);
  if (fits) return;
  const spatial = axes === undefined ? ", .." : [", L", ", H, W", ", D, H, W"][axes - 1];
  throw new ShapeError(`${layerName(module)}: expected [N, ${channels}${spatial ?? ""}], got ${formatShape(x.shape)}`);
}

/** ConfigError unless every value is an integer ≥ 1. */
export function expectSizes(layer: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (!Number.isInteger(value) || value < 1) throw new ConfigError(`${layer}: ${name}: expected an integer ≥ 1, got ${value}`);
  }
}
