/**
 * @module The engine of an encoder without a head, from a checkpoint's folder: vectors of texts, the mean of their tokens' last states, of length 1.
 *
 * Source: Reimers and Gurevych 2019, arXiv:1908.10084, section 3 (mean pooling).
 */
import { boundWeights } from "../generate/index.js";
import type { TensorData } from "../graph/index.js";
import { input, symbol } from "../graph/index.js";
import { BertModel } from "../models/index.js";
import { resolveForUse } from "../ops/index.js";
import { compile, type Executable } from "../runtime/index.js";
import type { Encoding, Tokenizer } from "../text/node.js";
import { loadTokenizer, padTokens } from "../text/node.js";
import { loadPretrained } from "../train/node.js";
import { ConfigError } from "../util/errors.js";
import { Batcher } from "./batcher.js";
import type {
  CallOptions,
  EmbedParams,
  EmbedResult,
  EngineCalls,
  EngineMethod,
  EngineResult,
  ModelDescription,
} from "./engine.js";
import { CALL_WORDS, ENGINE_LIMITS } from "./engine.js";
import type { OpenEngineOptions, OwnedEngine } from "./model-engine-node.js";

/** Compiles the mean of the states of tokens that are not padding. */
function compiled(model: BertModel, weights: ReadonlyMap<string, TensorData>, options: OpenEngineOptions): Promise<Executable> {
  const shape = [symbol("N"), symbol("T")];
  const [ids, mask] = [input("input_ids", shape, "int64"), input("attention_mask", shape, "int64")];
  const states = model.forward(ids, { mask }); // [N, T, D]
  const present = mask.cast("float32").unsqueeze(2); // [N, T, 1]
  const sum = states.mul(present).sum(1); // [N, D]
  const unit = sum.div(sum.square().sum(1, true).sqrt().add(1e-12));
  const use = { device: options.device, threads: options.threads, arena: true, aside: true };
  return compile(resolveForUse({ unit }), { ...use, ...boundWeights(model, weights) });
}

/** Gives vectors of texts. Owned: dispose it. */
export class EncoderEngine implements OwnedEngine {
  readonly description: ModelDescription;
  readonly #tokenizer: Tokenizer;
  readonly #executable: Executable;
  readonly #batcher: Batcher<readonly Encoding[], Float32Array[]>;
  readonly #maxLength: number;

  private constructor(tokenizer: Tokenizer, executable: Executable, maxLength: number, options: OpenEngineOptions) {
    const { maxBatchTokens, maxDelayMs } = { ...ENGINE_LIMITS, ...options.limits };
    this.#tokenizer = tokenizer;
    this.#executable = executable;
    this.#maxLength = maxLength;
    this.#batcher = new Batcher((inputs) => this.#run(inputs), {
      maxCost: maxBatchTokens,
      maxDelayMs,
      observe: (batch) => options.observe?.({ kind: "predict", ...batch }),
    });
    this.description = {
      task: "embedding",
      takes: "prompt",
      capabilities: ["embed"],
      inputs: [],
      outputs: [],
      contextLength: maxLength,
      remarks: [],
    };
  }

  /** Opens a checkpoint's folder. ConfigError for one that is not an encoder, or has no tokenizer. */
  static async open(path: string, options: OpenEngineOptions = {}): Promise<EncoderEngine> {
    const { model, weights } = await loadPretrained(path);
    if (!(model instanceof BertModel)) throw new ConfigError(`${path}: expected BertModel, got ${model.constructor.name}`);
    const tokenizer = await loadTokenizer(path);
    return new EncoderEngine(tokenizer, await compiled(model, weights, options), model.config.maxPositions ?? 512, options);
  }

  call<M extends EngineMethod>(method: M, params: EngineCalls[M]["params"], options: CallOptions<M> = {}): EngineResult<M> {
    if (method !== "embed")
      throw new ConfigError(`model: expected one that can ${CALL_WORDS[method]}, got an encoder; use /v1/embeddings`);
    return this.#embed(params as EmbedParams, options as CallOptions);
  }

  async #embed({ inputs }: EmbedParams, options: CallOptions): Promise<EmbedResult> {
    const encodings = await Promise.all(
      inputs.map(async (given, i) => {
        if (typeof given !== "string") throw new ConfigError(`input ${i + 1}: expected a text, got tokens`);
        const encoding = await this.#tokenizer.encode(given);
        if (encoding.ids.length > this.#maxLength)
          throw new ConfigError(
            `input ${i + 1}: expected at most the model's ${this.#maxLength} tokens, got ${encoding.ids.length}; cut it`,
          );
        return encoding;
      }),
    );
    const longest = encodings.reduce((most, { ids }) => Math.max(most, ids.length), 1);
    const embeddings = await this.#batcher.add(encodings, { rows: encodings.length, size: longest }, options);
    return { embeddings, tokens: encodings.reduce((sum, { ids }) => sum + ids.length, 0) };
  }

  async #run(inputs: readonly (readonly Encoding[])[]): Promise<Float32Array[][]> {
    const { input_ids: ids, attention_mask: mask } = padTokens(inputs.flat(), { padId: this.#tokenizer.special.pad ?? 0 });
    const { unit } = await this.#executable.call({ input_ids: ids, attention_mask: mask });
    const { data, shape } = unit as TensorData;
    const width = shape[1] as number;
    let row = 0;
    return inputs.map((each) => each.map(() => (data as Float32Array).slice(row * width, ++row * width)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#executable.dispose();
  }
}
