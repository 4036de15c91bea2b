/**
 * @module Descent's own routes: `/predict`, `/explain`, `/models`, `/health`.
 */
import type { ZodType } from "zod";
import { formParts, readBody } from "../http/body.js";
import { HttpError } from "../http/http-error.js";
import { parseBody, utf8 } from "../http/json.js";
import { parseWith } from "../util/schema.js";
import { defined } from "../util/record.js";
import type { ExplainParams, Instance } from "./engine.js";
import type { ServedModel } from "./models.js";
import { addRoute, type RouteContext, type RouteScope } from "./route.js";
import { explainedSchema, explainSchema, healthSchema, modelsSchema, predictedSchema, predictSchema } from "./schemas.js";

/** A form: files are images, `text` are texts, `row` is JSON; the other fields are those of the JSON body. */
async function formBody(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
): Promise<Record<string, unknown> & { files: Instance[] }> {
  const files: Instance[] = [];
  const fields = new Map<string, unknown>();
  for (const { name, value } of await formParts(bytes, contentType)) {
    if (value instanceof Uint8Array) files.push(value);
    else if (name === "text") files.push(value);
    else if (fields.has(name)) throw new HttpError(400, "body: expected each field once, got one twice");
    else if (name === "model" || name === "version" || name === "method" || name === "target") fields.set(name, value);
    else if (name === "samples" || name === "seed") fields.set(name, Number(value));
    else if (name === "picture") fields.set(name, value === "true");
    else
      throw new HttpError(
        400,
        "body: expected the fields model, version, text, method, target, samples, seed, picture and files, got another",
      );
  }
  if (files.length === 0) throw new HttpError(400, "body: expected a file or a text, got none");
  return { ...Object.fromEntries(fields), files };
}

/** A request with its instances: JSON, a form, or the bytes of one image. */
async function requestOf<T extends { readonly instances: readonly Instance[] }>(
  scope: RouteScope,
  c: RouteContext,
  schema: ZodType<T>,
): Promise<Omit<T, "instances"> & { readonly instances: readonly Instance[] }> {
  const bytes = await readBody(c.req.raw, scope.limits);
  const type = (c.req.header("content-type") ?? "").toLowerCase();
  if (type.startsWith("multipart/form-data")) {
    const { files, ...fields } = await formBody(bytes, c.req.header("content-type") ?? "");
    return { ...parseWith(schema, { ...fields, instances: files.map(() => "") }, "body"), instances: files };
  }
  if (type.startsWith("image/") || type.startsWith("application/octet-stream") || type.startsWith("text/plain")) {
    const given = type.startsWith("text/") ? utf8(bytes, "body") : bytes;
    const { model, version } = c.req.query();
    return { ...parseWith(schema, { model, version, instances: [""] }, "body"), instances: [given] };
  }
  return parseBody(schema, bytes);
}

/** A model as the list has it. */
function listed({ name, version, isReady, failure, engine }: ServedModel) {
  const { inputs: _inputs, outputs: _outputs, ...about } = engine?.description ?? { inputs: [], outputs: [] };
  return {
    name,
    version,
    ready: isReady,
    failure: failure && "it did not load; the log says why",
    ...about,
  };
}

/** Adds the routes. */
export function addOwnRoutes(scope: RouteScope): void {
  addRoute(scope, "get /health", { summary: "Whether the server answers", tag: "server", response: healthSchema }, (c) =>
    c.json({ status: "ok" }),
  );
  addRoute(scope, "get /models", { summary: "The models, and what they take", tag: "models", response: modelsSchema }, (c) =>
    c.json({ models: scope.models.list().map(listed) }),
  );
  addRoute(
    scope,
    "post /predict",
    { summary: "Answers for inputs", tag: "models", body: predictSchema, response: predictedSchema },
    async (c) => {
      const { model: name, version, instances } = await requestOf(scope, c, predictSchema);
      const model = scope.find(c, name, version);
      const result = await scope.call(c, model, "predict", { instances });
      return c.json({ model: model.name, version: model.version, ...result });
    },
  );
  addRoute(
    scope,
    "post /explain",
    { summary: "Explanations of answers", tag: "models", body: explainSchema, response: explainedSchema },
    async (c) => {
      const { model: name, version, ...asked } = await requestOf(scope, c, explainSchema);
      const model = scope.find(c, name, version);
      const explanations = await scope.call(c, model, "explain", defined(asked) as ExplainParams);
      return c.json({ model: model.name, version: model.version, explanations });
    },
  );
}
