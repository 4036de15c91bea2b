/**
 * @module The schemas of requests and answers of Descent's own routes and of the Open Inference Protocol: they validate, document and type.
 */
import * as z from "zod";

const name = z.string().min(1).max(200);

/** A text, an image in base64, or a row of a table. */
export const instanceSchema = z.union([z.string(), z.record(z.string(), z.unknown())], {
  error: 'expected a text, {"image": BASE64} or an object of columns',
});

export const predictSchema = z.strictObject({
  model: name.optional().meta({ description: "the model's name; not needed if only one is served" }),
  version: name.optional(),
  instances: z
    .array(instanceSchema)
    .min(1)
    .meta({
      description: "texts, or objects: {text}, {image: base64}, or a table's columns",
      example: ["Clean rooms, slow service."],
    }),
});

export const predictedSchema = z.object({
  model: z.string(),
  version: z.string(),
  answers: z.array(z.record(z.string(), z.unknown())),
  notes: z.array(z.string()).meta({ description: "notes on the inputs, such as texts that were truncated" }),
});

export const explainSchema = predictSchema.extend({
  method: z
    .string()
    .max(60)
    .optional()
    .meta({ description: "a method of descent explain --method; if left out, one that suits the model" }),
  target: z.string().max(200).optional().meta({ description: "the label to explain; if left out, the likeliest" }),
  samples: z.number().int().min(1).optional(),
  seed: z.number().int().min(0).optional(),
  picture: z.boolean().optional().meta({ description: "add an SVG drawing" }),
});

export const explainedSchema = z.object({
  model: z.string(),
  version: z.string(),
  explanations: z.array(
    z.object({
      method: z.string(),
      target: z.string(),
      score: z.number(),
      gap: z.number().optional(),
      contributions: z.array(z.object({ label: z.string(), value: z.number() })).optional(),
      map: z.object({ height: z.number(), width: z.number(), values: z.array(z.number()) }).optional(),
      remarks: z.array(z.string()),
      picture: z.string().optional(),
    }),
  ),
});

const tensorSpecSchema = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number().int()) });

export const modelSchema = z.object({
  name: z.string(),
  version: z.string(),
  ready: z.boolean(),
  failure: z.string().optional(),
  task: z.string().optional(),
  takes: z.enum(["text", "image", "table", "tensors", "prompt"]).optional(),
  capabilities: z.array(z.string()).optional(),
  classes: z.array(z.string()).optional(),
  columns: z.array(z.string()).optional(),
  contextLength: z.number().optional(),
  remarks: z.array(z.string()).optional(),
});

export const modelsSchema = z.object({ models: z.array(modelSchema) });

export const healthSchema = z.object({ status: z.literal("ok") });

/** Element types that people can type are in `data`; raw bytes lie behind the JSON, in this order. */
export const inferSchema = z.object({
  id: z.string().max(200).optional(),
  parameters: z.looseObject({ binary_data_output: z.boolean().optional() }).optional(),
  inputs: z
    .array(
      z.object({
        name: z.string().min(1).max(500),
        shape: z.array(z.number().int()).max(16),
        datatype: z.string().max(20),
        parameters: z.looseObject({ binary_data_size: z.number().int().min(0).optional() }).optional(),
        data: z.array(z.unknown()).optional(),
      }),
    )
    .min(1)
    .max(256),
  outputs: z
    .array(
      z.object({
        name: z.string().min(1).max(500),
        parameters: z.looseObject({ binary_data: z.boolean().optional() }).optional(),
      }),
    )
    .max(256)
    .optional(),
});

/** Parameters of a language model's texts. */
export const writingSchema = z.looseObject({
  max_tokens: z.number().int().min(1).default(64),
  temperature: z.number().min(0).max(2).default(0),
  seed: z.number().int().min(0).default(0),
});

export const inferredSchema = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.number().int()),
      datatype: z.string(),
      data: z.array(z.union([z.number(), z.string(), z.boolean(), z.null()])).optional(),
      parameters: z.object({ binary_data_size: z.number().int() }).optional(),
    }),
  ),
});

export const serverMetadataSchema = z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) });
export const liveSchema = z.object({ live: z.boolean() });
export const readySchema = z.object({ ready: z.boolean(), models: z.record(z.string(), z.boolean()).optional() });
export const modelReadySchema = z.object({ name: z.string(), ready: z.boolean() });
export const modelMetadataSchema = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorSpecSchema),
  outputs: z.array(tensorSpecSchema),
});
export const repositoryIndexSchema = z.array(
  z.object({ name: z.string(), version: z.string(), state: z.enum(["READY", "UNAVAILABLE", "LOADING"]), reason: z.string() }),
);

/** Body of a request for predictions. */
export type PredictRequest = z.input<typeof predictSchema>;
/** Body of the answer with predictions. */
export type PredictResponse = z.output<typeof predictedSchema>;
/** Body of a request for an explanation. */
export type ExplainRequest = z.input<typeof explainSchema>;
/** Body of the answer with an explanation. */
export type ExplainResponse = z.output<typeof explainedSchema>;
/** Body of a request of the Open Inference Protocol. */
export type InferRequest = z.input<typeof inferSchema>;
/** Body of an answer of the Open Inference Protocol. */
export type InferResponse = z.output<typeof inferredSchema>;
/** Body of the list of models. */
export type ModelsResponse = z.output<typeof modelsSchema>;
