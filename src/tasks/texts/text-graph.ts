/**
 * @module An imported graph as a model of texts: token ids in, scores of texts or of tokens out, as exporters of Hugging Face's models write them.
 */
import type { Node, Shape, Tensor } from "../../graph/index.js";
import { constant, Parameter, reachableNodes, rewriteTensors } from "../../graph/index.js";
import type { TextModel, TextModelInputs } from "../../models/index.js";
import { gather } from "../../ops/index.js";
import type { ModelProto } from "../../onnx/index.js";
import type { Json } from "../../util/described.js";
import { isRecord } from "../../util/described.js";
import { ConfigError } from "../../util/errors.js";
import type { GraphFile, GraphInfo, GraphLike, GraphPlan } from "../graph-use.js";
import { WrappedGraph } from "../graph-use.js";
import { own, setOwn } from "../../util/record.js";

/** The role of each input of a text model, by the names that exporters give it. */
const ROLES = {
  input_ids: /^(input_ids|input|ids|tokens)$/i,
  attention_mask: /^(attention_mask|input_mask|mask)$/i,
  token_type_ids: /^(token_type_ids|segment_ids)$/i,
} as const;

/** int32 and int64, and the ops that look up vectors by ids. */
const [INTEGERS, LOOKUPS]: readonly [ReadonlySet<number>, ReadonlySet<string>] = [
  new Set([6, 7]),
  new Set(["Gather", "EmbedLayerNormalization"]),
];

/** Tells whether an input that may be of any task (`input`) has token ids: integers, by which vectors are looked up. */
function holdsIds({ graph }: ModelProto, name: string): boolean {
  if (!INTEGERS.has(graph.inputs.find((input) => input.name === name)?.elementType ?? 0)) return false;
  const same = new Set([name]);
  for (const { opType, inputs, outputs } of graph.nodes)
    if ((opType === "Cast" || opType === "Identity") && same.has(inputs[0] ?? "")) same.add(outputs[0] ?? "");
  return graph.nodes.some(({ opType, inputs }) => LOOKUPS.has(opType) && inputs.some((input) => same.has(input)));
}

/** The ids that an index was made of, without casts. */
function sourceOf(tensor: Tensor): Tensor {
  let source = tensor;
  while (source.node.op === "Cast" || source.node.op === "Identity") source = source.node.inputs[0] as Tensor;
  return source;
}

/** The task that a graph's scores are of: of a text, or of each of its tokens. */
export type ScoredTask = "text-classification" | "token-classification";

/** The axes of a task's scores. */
const AXES: Readonly<Record<ScoredTask, readonly string[]>> = {
  "text-classification": ["N", "K"],
  "token-classification": ["N", "T", "K"],
};

/** The file's graph: token ids [N, T] → logits [N, K], or [N, T, K]. */
export class TextGraph extends WrappedGraph implements TextModel {
  readonly #task: ScoredTask;

  constructor(graph: GraphLike, info: GraphInfo, task: ScoredTask) {
    super(graph, info);
    this.#task = task;
  }

  #scores(tokens: Tensor, mask: Tensor | undefined): Tensor {
    const ones = (): Tensor => constant(1, "int64").expand(tokens.shape);
    const scores = this.scores({
      input_ids: () => tokens,
      attention_mask: () => mask ?? ones(),
      token_type_ids: () => ones().mul(0),
    });
    const axes = AXES[this.#task];
    if (scores.rank !== axes.length)
      throw new ConfigError(
        `${this.#task}: expected a head that gives scores [${axes.join(", ")}], got [${scores.shape.join(", ")}]${scores.rank === 3 ? ", scores of each token" : ""}; name another with --head`,
      );
    return scores;
  }

  /** The nodes that look up the vectors of the tokens. Errors: ConfigError where there is none. */
  #lookups(scores: Tensor, tokens: Tensor): readonly Node[] {
    const found = reachableNodes([scores]).filter(({ op, inputs: [table, index] }) => {
      return op === "Gather" && table instanceof Parameter && index != null && sourceOf(index) === tokens;
    });
    if (found.length === 0) throw new ConfigError(`${this.#task}: expected a table of vectors behind the token ids, found none`);
    return found;
  }

  embed(tokens: Tensor): Tensor {
    const [lookup] = this.#lookups(this.#scores(tokens, undefined), tokens);
    return gather(lookup?.inputs[0] as Tensor, tokens, 0);
  }

  override forward(tokens: Tensor, { mask, inputsEmbeds }: TextModelInputs = {}): Tensor {
    const scores = this.#scores(tokens, mask);
    if (inputsEmbeds === undefined) return scores;
    const lookups = new Set(this.#lookups(scores, tokens));
    return rewriteTensors([scores], (node) => (lookups.has(node) ? [inputsEmbeds] : undefined))(scores);
  }
}

/** More rows than this are a vocabulary's; fewer than the least are kinds of token. */
const [LEAST_POSITIONS, MOST_POSITIONS] = [3, 8192];

/**
 * The longest text that a graph takes, by its table of positions: as wide as the table that the token ids look up, and read by another node.
 * Undefined where it has none, as where positions are turned into the vectors.
 */
function positionsOf({ graph }: ModelProto, ids: string): number | undefined {
  const tables = new Map(graph.initializers.filter(({ dims }) => dims.length === 2).map((t) => [t.name, t.dims] as const));
  const lookups = graph.nodes.filter((node) => node.opType === "Gather" && tables.has(node.inputs[0] ?? ""));
  const words = lookups.find((node) => node.inputs[1] === ids)?.inputs[0] ?? "";
  const width = tables.get(words)?.[1];
  const readers = new Set(["Gather", "Slice", "Add", "Unsqueeze", "Identity"]);
  const rows = graph.nodes
    .flatMap((node) => (readers.has(node.opType) ? node.inputs : []))
    .filter((name) => name !== words && tables.get(name)?.[1] === width)
    .map((name) => tables.get(name)?.[0] as number)
    .filter((count) => count >= LEAST_POSITIONS && count <= MOST_POSITIONS);
  return width === undefined || rows.length === 0 ? undefined : Math.min(...rows);
}

/** RoBERTa's and its like count positions from behind the padding token's id. */
function offsetOf(config: Json | undefined): number {
  if (config === undefined || !isRecord(config) || !/roberta|camembert|mpnet/.test(String(config["model_type"]))) return 0;
  return (typeof config["pad_token_id"] === "number" ? config["pad_token_id"] : 1) + 1;
}

/** Reads which inputs a file of texts has, for a task. */
export function planTexts(file: GraphFile, task: ScoredTask): GraphPlan {
  const { where, model } = file;
  const weights = new Set(model.graph.initializers.map(({ name }) => name));
  const inputs: Record<string, string> = {};
  for (const { name } of model.graph.inputs) {
    if (weights.has(name)) continue;
    const role = Object.entries(ROLES).find(([key, names]) => names.test(name) && own(inputs, key) === undefined)?.[0];
    if (role === undefined || (/^input$/i.test(name) && !holdsIds(model, name)))
      throw new ConfigError(`${where}: expected inputs named ${Object.keys(ROLES).join(", ")} for ${task}, got "${name}"`);
    setOwn(inputs, role, name);
  }
  if (inputs["input_ids"] === undefined)
    throw new ConfigError(`${where}: expected an input of token ids (input_ids) for ${task}, got none`);
  const positions = positionsOf(model, inputs["input_ids"]);
  const maxPositions = positions === undefined ? undefined : positions - offsetOf(file.beside["config.json"]);
  return { info: { graph: { inputs, maxPositions } }, notes: [] };
}

/** Shapes of the inputs of a file of texts, for a first trace. */
export const textShapes = ({ graph }: { readonly graph?: GraphInfo }): Readonly<Record<string, Shape>> =>
  Object.fromEntries(Object.values(graph?.inputs ?? {}).map((name): [string, Shape] => [name, [1, 8]]));
