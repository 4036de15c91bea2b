/**
 * @module The graph of a file whose inputs are columns of numbers, for gradients: all columns side by side in, scores out.
 */
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { input, isFloat, rewriteTensors } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, OnnxModel, withScores } from "../../onnx/index.js";
import { DescentError, reasonOf, UnsupportedOpError } from "../../util/errors.js";
import type { FileInput } from "../graph-use.js";

export interface TableGraph {
  /** Columns [B, F] → scores [B, K], before what makes probabilities of them. */
  readonly forward: (columns: Tensor) => Tensor;
  readonly values: ReadonlyMap<Tensor, TensorData>;
  /** Scores [2, K] of two rows. */
  readonly tried: Tensor;
  /** Whether the scores are the file's own output, which may be probabilities. */
  readonly isOutput: boolean;
}

/** Cuts columns into the file's inputs. */
function cut(columns: Tensor, inputs: readonly FileInput[]): Map<string, Tensor> {
  const widths = inputs.map(({ width }) => width);
  const parts = inputs.length === 1 ? [columns] : columns.split(widths, 1);
  return new Map(
    inputs.map(({ name, dtype, rank }, i) => {
      const part = parts[i] as Tensor;
      return [name, (rank === 1 ? part.squeeze(1) : part).cast(dtype)];
    }),
  );
}

const withoutGradient = ({ name, dtype }: FileInput): string =>
  `its input "${name}" takes ${dtype === "string" ? "texts" : "integers"}, which have no gradient`;

/** The graph of a file of columns; in words what keeps it from having one. */
export function tableGraphOf(file: ModelProto, where: string, inputs: readonly FileInput[]): TableGraph | string {
  const fixed = inputs.find(({ dtype }) => dtype === "string" || !isFloat(dtype));
  try {
    const { model, output } = withScores(file);
    const scored = new OnnxModel(encodeModel(model), { where });
    if (fixed !== undefined) {
      scored.trace({});
      return withoutGradient(fixed);
    }
    const forward = (columns: Tensor): Tensor => {
      const batch = columns.shape[0] as Dim;
      const given = cut(columns, inputs);
      const shapes = Object.fromEntries(inputs.map(({ name, width, rank }) => [name, rank === 1 ? [batch] : [batch, width]]));
      const { graph, inputs: formal } = scored.trace({ shapes });
      const actual = new Map([...formal].map(([name, t]) => [t, given.get(name) as Tensor]));
      const scores = graph.outputs.get(output) as Tensor;
      const map = rewriteTensors([scores], (node) => {
        const replaced = actual.get(node.outputs[0] as Tensor);
        return replaced === undefined ? undefined : [replaced];
      });
      const found = map(scores);
      return found.rank === 1 ? found.unsqueeze(1) : found;
    };
    // Tried for two rows, so that a file of one row is refused here.
    const width = inputs.reduce((sum, each) => sum + each.width, 0);
    const tried = forward(input("columns", [2, width]));
    if (tried.rank !== 2 || tried.shape[0] !== 2) return `its scores of two rows are [${tried.shape.join(", ")}]`;
    const { values } = scored.trace({});
    return { forward, values, tried, isOutput: file.graph.outputs.some(({ name }) => name === output) };
  } catch (error) {
    if (!(error instanceof DescentError)) throw error;
    // Ops that are missing say more than what kind of column there is.
    return fixed === undefined || error instanceof UnsupportedOpError ? reasonOf(error, where) : withoutGradient(fixed);
  }
}
