/**
 * @module What a file declares of its outputs, beside what its nodes give.
 */
import type { Tensor } from "../graph/index.js";
import { formatShape } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import type { DeclaredValue, OnnxModel } from "./model.js";

/** Tells whether lengths contradict each other; a free one, and that of the batch, fit any. A column of numbers may be declared as [N]. */
const differs = (declared: NonNullable<DeclaredValue["shape"]>, { shape }: Tensor): boolean =>
  (declared.length !== shape.length && !(declared.length === 1 && shape.length === 2 && shape[1] === 1)) ||
  declared.some((d, axis) => axis > 0 && typeof d === "number" && typeof shape[axis] === "number" && d !== shape[axis]);

/**
 * Says in one sentence that an output has another shape than the file declares; nothing where it does not. `given` is what the nodes give for some rows.
 *
 * Errors: DataError where it is of another type: no engine opens such a file.
 */
export function declarationRemark({ declaredOutputs, where }: OnnxModel, name: string, given: Tensor): readonly string[] {
  const { dtype, shape } = declaredOutputs.get(name) ?? {};
  if (dtype !== undefined && dtype !== given.dtype)
    throw new DataError(
      `${where}: output "${name}": expected ${given.dtype}, as its nodes give, got a declared type of ${dtype}`,
    );
  return shape === undefined || !differs(shape, given)
    ? []
    : [
        `${where}: declares output "${name}" as ${formatShape(shape)}, but its nodes give ${formatShape([...shape.slice(0, 1), ...given.shape.slice(1)])}, which counts`,
      ];
}
