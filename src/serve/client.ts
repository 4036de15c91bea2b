/**
 * @module `descentjs/client`: a server's routes as functions, with the types of the server's own schemas. For language models any client of OpenAI's
 * interface does, with `baseURL: "http://…/v1"`.
 */
import type {
  ExplainRequest,
  ExplainResponse,
  InferRequest,
  InferResponse,
  ModelsResponse,
  PredictRequest,
  PredictResponse,
} from "./schemas.js";

export type { ExplainRequest, ExplainResponse, InferRequest, InferResponse, ModelsResponse, PredictRequest, PredictResponse };

/** Options of the client: address, key, and a `fetch` of one's own. */
export interface ClientOptions {
  /** `http://localhost:8000`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  /** Left out, the platform's; a handler's own serves without a network. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** A request that a server refused. */
export class ClientError extends Error {
  readonly status: number;
  /** Seconds after which to try again, where the server says so. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, retryAfter?: number) {
    super(message);
    this.name = "ClientError";
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/**
 * Calls to a server.
 *
 * @example
 * import { Client } from "descentjs/client";
 * const fetch = async () => Response.json({ answers: [{ label: "yes" }], notes: [] }); // leave it out to ask a server
 * const client = new Client({ baseUrl: "http://localhost:8000", fetch });
 * console.log((await client.predict({ model: "churn", instances: [{ age: 41, plan: "basic" }] })).answers); // [ { label: 'yes' } ]
 */
export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async #send<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const { baseUrl, apiKey, fetch: send = (request: Request) => fetch(request) } = this.#options;
    const response = await send(
      new Request(new URL(path, baseUrl), {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
    const answer = (await response.json()) as T & { readonly error?: string };
    if (response.ok) return answer;
    const after = response.headers.get("retry-after");
    throw new ClientError(response.status, answer.error ?? response.statusText, after === null ? undefined : Number(after));
  }

  /** The models, and what they take. */
  models(): Promise<ModelsResponse> {
    return this.#send("/models");
  }

  /** Answers for inputs. */
  predict(request: PredictRequest, signal?: AbortSignal): Promise<PredictResponse> {
    return this.#send("/predict", request, signal);
  }

  /** Explanations of answers. */
  explain(request: ExplainRequest, signal?: AbortSignal): Promise<ExplainResponse> {
    return this.#send("/explain", request, signal);
  }

  /** A model's outputs for its tensors. */
  infer(model: string, request: InferRequest, signal?: AbortSignal): Promise<InferResponse> {
    return this.#send(`/v2/models/${encodeURIComponent(model)}/infer`, request, signal);
  }
}
