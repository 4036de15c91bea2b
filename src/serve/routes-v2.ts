/**
 * @module The Open Inference Protocol (KServe's V2) over HTTP, with the binary tensor extension: what the clients of KServe and Triton speak.
 */
import { readBody } from "../http/body.js";
import { HttpError } from "../http/http-error.js";
import { parseBody } from "../http/json.js";
import { shown } from "../http/shown.js";
import { type DType, fromNumbers, isStringData } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { joinBytes } from "../util/join-arrays.js";
import { parseWith } from "../util/schema.js";
import type { ModelDescription, NamedTensor, PredictResult, TensorSpec } from "./engine.js";
import type { ServedModel } from "./models.js";
import { addRoute, type RouteAbout, type RouteContext, type RouteScope } from "./route.js";
import type { InferRequest } from "./schemas.js";
import {
  inferredSchema,
  inferSchema,
  liveSchema,
  modelMetadataSchema,
  modelReadySchema,
  readySchema,
  repositoryIndexSchema,
  serverMetadataSchema,
  writingSchema,
} from "./schemas.js";
import { bytesOfTensor, datatypeOf, dtypeNamed, expectSize, jsonOfTensor, tensorOfBytes, tensorOfJson } from "./tensors.js";

/** The length of the JSON before the raw bytes. */
const HEADER = "inference-header-content-length";

/** The JSON and the raw bytes behind it. */
function split(bytes: Uint8Array, header: string | undefined): { readonly json: Uint8Array; readonly raw: Uint8Array } {
  if (header === undefined) return { json: bytes, raw: new Uint8Array() };
  const length = Number(header);
  if (!/^\d+$/.test(header) || length > bytes.length)
    throw new HttpError(400, `${HEADER}: expected the length of the JSON, at most ${bytes.length}, got something else`);
  return { json: bytes.subarray(0, length), raw: bytes.subarray(length) };
}

/** The tensors of a request, checked. Errors: DataError. */
export function requestTensors({ inputs }: InferRequest, raw: Uint8Array): NamedTensor[] {
  let at = 0;
  const names = new Set<string>();
  const tensors = inputs.map(({ name, shape, datatype, parameters, data }): NamedTensor => {
    const where = `inputs: ${shown(name)}`;
    if (names.has(name)) throw new DataError(`${where}: expected each input once, got it twice`);
    names.add(name);
    const dtype = dtypeNamed(datatype, where);
    const length = parameters?.binary_data_size;
    if (length === undefined) {
      if (data === undefined)
        throw new DataError(`${where}: expected data, or binary_data_size and bytes behind the JSON, got neither`);
      expectSize(shape, MOST_ELEMENTS, where);
      return { name, data: tensorOfJson(dtype, shape, data, where) };
    }
    if (data !== undefined) throw new DataError(`${where}: expected data or binary_data_size, got both`);
    expectSize(shape, MOST_ELEMENTS, where);
    if (at + length > raw.length)
      throw new DataError(`${where}: expected ${length} bytes behind the JSON, got ${raw.length - at}`);
    const bytes = raw.subarray(at, (at += length));
    return { name, data: tensorOfBytes(dtype, shape, bytes, where) };
  });
  if (at !== raw.length) throw new DataError(`inputs: expected ${at} bytes behind the JSON, got ${raw.length}`);
  return tensors;
}

/** Elements of a tensor: a body is bounded, a shape is not. */
const MOST_ELEMENTS = 2 ** 28;

/** DataError for tensors that are not the model's. */
function expectInputs(given: readonly NamedTensor[], specs: readonly TensorSpec[]): void {
  for (const { name, data } of given) {
    const spec = specs.find((each) => each.name === name);
    const names = specs.map((each) => each.name).join(", ");
    if (spec === undefined) throw new DataError(`inputs: expected ${names}, got ${shown(name)}`);
    const where = `inputs: ${shown(name)}`;
    if (data.dtype !== spec.dtype)
      throw new DataError(`${where}: expected ${datatypeOf(spec.dtype)}, got ${datatypeOf(data.dtype)}`);
    const fits = data.shape.length === spec.shape.length && spec.shape.every((d, i) => d === -1 || d === data.shape[i]);
    if (!fits) throw new DataError(`${where}: expected [${spec.shape.join(", ")}], got [${data.shape.join(", ")}]`);
  }
  const missing = specs.find(({ name }) => !given.some((each) => each.name === name));
  if (missing !== undefined) throw new DataError(`inputs: expected ${shown(missing.name)}, got none`);
}

/** The texts of a request to a model of texts that sends them as they are; undefined where it sends the model's tensors. */
function textsOf(given: readonly NamedTensor[], { takes, inputs }: ModelDescription): readonly string[] | undefined {
  const [only, ...others] = given;
  if (takes !== "text" || only === undefined || others.length > 0 || !isStringData(only.data)) return undefined;
  return inputs.some(({ name }) => name === only.name) ? undefined : only.data.data;
}

/** Answers as tensors: `label`, `score` and `probabilities` where there are such, and each answer as JSON. */
function answerTensors({ answers }: PredictResult): NamedTensor[] {
  const shape = [answers.length];
  const texts = (name: string, of: (answer: Readonly<Record<string, unknown>>) => unknown): NamedTensor[] => {
    const values = answers.map(of);
    return values.every((value) => typeof value === "string") ? [{ name, data: { dtype: "string", shape, data: values } }] : [];
  };
  const scores = answers.map(({ score }) => score);
  const probabilities = answers.map(({ probabilities: each }) => Object.values((each ?? {}) as Record<string, number>));
  const width = probabilities[0]?.length ?? 0;
  return [
    ...texts("label", ({ label }) => label),
    ...(scores.every((score) => typeof score === "number")
      ? [{ name: "score", data: fromNumbers("float32", shape, scores) }]
      : []),
    ...(width > 0
      ? [{ name: "probabilities", data: fromNumbers("float32", [answers.length, width], probabilities.flat()) }]
      : []),
    ...texts("answer", (answer) => JSON.stringify(answer)),
  ];
}

/** The outputs that were asked for. DataError for one that there is not. */
function chosen(outputs: readonly NamedTensor[], request: InferRequest): readonly NamedTensor[] {
  if (request.outputs === undefined || request.outputs.length === 0) return outputs;
  return request.outputs.map(({ name }) => {
    const found = outputs.find((output) => output.name === name);
    if (found === undefined)
      throw new DataError(`outputs: expected ${outputs.map((output) => output.name).join(", ")}, got ${shown(name)}`);
    return found;
  });
}

/** The response: JSON, with raw bytes behind it where that was asked for. */
function respond(model: ServedModel, request: InferRequest, outputs: readonly NamedTensor[]): Response {
  const raw: Uint8Array[] = [];
  const described = outputs.map(({ name, data }) => {
    const asked = request.outputs?.find((output) => output.name === name)?.parameters?.binary_data;
    const about = { name, shape: data.shape, datatype: datatypeOf(data.dtype) };
    if (!(asked ?? request.parameters?.binary_data_output ?? false)) return { ...about, data: jsonOfTensor(data) };
    const bytes = bytesOfTensor(data);
    raw.push(bytes);
    return { ...about, parameters: { binary_data_size: bytes.length } };
  });
  const json = JSON.stringify({
    model_name: model.name,
    model_version: model.version,
    id: request.id,
    outputs: described,
  });
  if (raw.length === 0) return new Response(json, { headers: { "content-type": "application/json" } });
  const head = new TextEncoder().encode(json);
  return new Response(joinBytes([head, ...raw]), {
    headers: { "content-type": "application/octet-stream", [HEADER]: String(head.length) },
  });
}

/** Texts that a language model writes behind others: `text_input` to `text_output`, as in Triton's backends of such models. */
async function continued(
  scope: RouteScope,
  c: RouteContext,
  model: ServedModel,
  { parameters = {} }: InferRequest,
  given: readonly NamedTensor[],
): Promise<NamedTensor[]> {
  const [only, ...others] = given;
  if (only === undefined || others.length > 0 || only.name !== "text_input" || !isStringData(only.data))
    throw new DataError("inputs: expected text_input alone, BYTES, got others");
  const options = parseWith(writingSchema, parameters, "parameters");
  const texts = await Promise.all(
    only.data.data.map(async (prompt) => {
      const pieces: string[] = [];
      const { max_tokens: maxTokens, temperature, seed } = options;
      const params = { prompt, isConversation: false, maxTokens, temperature, seed, stop: [], owner: c.get("owner").name };
      await scope.call(c, model, "generate", params, { onEvent: ({ text }) => pieces.push(text) });
      return pieces.join("");
    }),
  );
  return [{ name: "text_output", data: { dtype: "string", shape: [texts.length], data: texts } }];
}

async function infer(scope: RouteScope, c: RouteContext): Promise<Response> {
  const { model: name = "", version } = c.req.param() as { model?: string; version?: string };
  const model = scope.find(c, name, version);
  const { json, raw } = split(await readBody(c.req.raw, scope.limits), c.req.header(HEADER));
  const request = parseBody(inferSchema, json);
  const given = requestTensors(request, raw);
  const { description } = await scope.engineOf(c, model);
  if (description.takes === "prompt")
    return respond(model, request, chosen(await continued(scope, c, model, request, given), request));
  const texts = textsOf(given, description);
  if (texts !== undefined)
    return respond(model, request, chosen(answerTensors(await scope.call(c, model, "predict", { instances: texts })), request));
  expectInputs(given, description.inputs);
  const { outputs } = await scope.call(c, model, "infer", { inputs: given });
  return respond(model, request, chosen(outputs, request));
}

const specs = (tensors: readonly { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] }[]) =>
  tensors.map(({ name, dtype, shape }) => ({ name, datatype: datatypeOf(dtype), shape: [...shape] }));

async function metadata(scope: RouteScope, c: RouteContext): Promise<Response> {
  const { model: name = "", version } = c.req.param() as { model?: string; version?: string };
  const model = scope.find(c, name, version);
  const { description } = await scope.engineOf(c, model);
  const versions = scope.models.list().filter((each) => each.name === model.name);
  return c.json({
    name: model.name,
    versions: versions.map((each) => each.version),
    platform: "onnxruntime_onnx",
    inputs: specs(description.inputs),
    outputs: specs(description.outputs),
  });
}

/** A route of a model, and of one of its versions. */
function addModelRoute(
  scope: RouteScope,
  method: "get" | "post",
  end: string,
  about: Omit<RouteAbout, "tag">,
  handler: (c: RouteContext) => Response | Promise<Response>,
): void {
  for (const path of ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"] as const)
    addRoute(scope, `${method} ${path}${end}`, { ...about, tag: "open inference protocol" }, handler);
}

/** Adds the routes. `version` is Descent's own. */
export function addV2Routes(scope: RouteScope, version: string): void {
  const tag = "open inference protocol";
  addRoute(scope, "get /v2", { summary: "The server", tag, response: serverMetadataSchema }, (c) =>
    c.json({ name: "descent", version, extensions: ["binary_tensor_data", "model_repository"] }),
  );
  addRoute(scope, "get /v2/health/live", { summary: "Whether the server answers", tag, response: liveSchema }, (c) =>
    c.json({ live: true }),
  );
  addRoute(scope, "get /v2/health/ready", { summary: "Whether all models answer", tag, response: readySchema }, (c) => {
    const models = scope.models.list();
    const ready = models.every(({ isReady }) => isReady);
    const byName = Object.fromEntries(models.map(({ name, version: each, isReady }) => [`${name}@${each}`, isReady]));
    return c.json({ ready, models: byName }, ready ? 200 : 503);
  });
  addModelRoute(scope, "get", "", { summary: "A model's tensors", response: modelMetadataSchema }, (c) => metadata(scope, c));
  addModelRoute(scope, "get", "/ready", { summary: "Whether a model answers", response: modelReadySchema }, (c) => {
    const { model = "", version: asked } = c.req.param() as { model?: string; version?: string };
    const { name, isReady } = scope.find(c, model, asked);
    return c.json({ name, ready: isReady }, isReady ? 200 : 503);
  });
  addModelRoute(scope, "post", "/infer", { summary: "A model's outputs", body: inferSchema, response: inferredSchema }, (c) =>
    infer(scope, c),
  );
  addRoute(
    scope,
    "post /v2/repository/index",
    { summary: "The models and their states", tag, response: repositoryIndexSchema },
    (c) =>
      c.json(
        scope.models.list().map(({ name, version: each, isReady, failure }) => ({
          name,
          version: each,
          state: isReady ? "READY" : failure === undefined ? "LOADING" : "UNAVAILABLE",
          reason: failure === undefined ? "" : "it did not load; the log says why",
        })),
      ),
  );
  addRoute(
    scope,
    "post /v2/repository/models/{model}/load",
    { summary: "Loads a model anew, and then lets it take over", tag },
    async (c) => {
      const { model = "" } = c.req.param() as { model?: string };
      if (scope.models.reload === undefined) throw new HttpError(501, "load: expected a server with engines of its own");
      await scope.models.reload(scope.find(c, model).name);
      return c.json({});
    },
  );
}
