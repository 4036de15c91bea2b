/**
 * @module Requests that are none: bodies, headers, forms and streams broken by a seeded hand, sent as raw bytes, since clients would mend them.
 */
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { Random } from "../../src/util/random.js";

/** A request as bytes. */
export interface Malformed {
  readonly what: string;
  readonly bytes: Buffer;
  /** The sender leaves after this, without waiting for an answer. */
  readonly hangsUp: boolean;
}

/** The answer: its status, 0 where the connection was closed without one. */
export interface Answered {
  readonly what: string;
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

const head = (path: string, headers: Readonly<Record<string, string>>, method = "POST"): string =>
  `${method} ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;

const whole = (path: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Buffer => {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([
    Buffer.from(head(path, { "content-type": "application/json", "content-length": String(bytes.length), ...headers })),
    bytes,
  ]);
};

/** Bodies that a route takes when they are whole. */
const BODIES: readonly (readonly [path: string, body: string])[] = [
  ["/predict", '{"model":"MODEL","instances":["a good film"]}'],
  ["/explain", '{"model":"MODEL","instances":["a good film"],"method":"integrated-gradients"}'],
  ["/v2/models/linear/infer", '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}'],
  ["/v1/chat/completions", '{"model":"tiny","messages":[{"role":"user","content":"hi"}],"max_tokens":1}'],
  ["/v1/completions", '{"model":"tiny","prompt":"hi","max_tokens":1}'],
  ["/v1/embeddings", '{"model":"tiny","input":"hi"}'],
];

const SWAPS: readonly string[] = [
  "null",
  "NaN",
  "1e999",
  "-1",
  "[]",
  "{}",
  '""',
  '"\\ud800"',
  "true",
  "[[[[]]]]",
  '{"__proto__":1}',
  "9007199254740993",
  "0.5",
];

/** JSON with one value in place of another. */
function swapped(body: string, random: Random): string {
  // Without a largest number of tokens a request is a good one, and a long one.
  const values = [...body.matchAll(/(?<!max_tokens"):("[^"]*"|\d+|\[[^\]]*\])/g)];
  const chosen = values[Math.floor(random.uniform() * values.length)];
  const swap = SWAPS[Math.floor(random.uniform() * SWAPS.length)] as string;
  return chosen === undefined ? swap : `${body.slice(0, chosen.index + 1)}${swap}${body.slice(chosen.index + chosen[0].length)}`;
}

/** Bounds of a server that is sent these: its slow senders are given up soon. */
export const STORM_LIMITS = { maxBodyBytes: 2 ** 20, bodyTimeoutMs: 300 };

/** 64 MiB of spaces, in some 64 kB. */
const BOMB = gzipSync(Buffer.alloc(2 ** 26, 0x20));

type Maker = (path: string, body: string, random: Random) => Omit<Malformed, "what">;
const sent = (bytes: Buffer, hangsUp = false): Omit<Malformed, "what"> => ({ bytes, hangsUp });

const MAKERS: Readonly<Record<string, Maker>> = {
  "JSON cut short": (path, body, random) => sent(whole(path, body.slice(0, Math.floor(random.uniform() * (body.length - 1))))),
  "another value": (path, body, random) => sent(whole(path, swapped(body, random))),
  "a byte changed": (path, body, random) => {
    const bytes = Buffer.from(body);
    bytes[Math.floor(random.uniform() * bytes.length)] = 128 + Math.floor(random.uniform() * 128);
    return sent(whole(path, bytes));
  },
  "a field twice": (path, body) => sent(whole(path, `${body.slice(0, -1)},${body.slice(1)}`)),
  "an unknown model": (path, body) =>
    sent(whole(path.replace("linear", "none"), body.replace(/"model":"[^"]*"/, '"model":"none"').replace("[1,2]", "[1,9]"))),
  "JSON nested deep": (path, _body, random) => {
    const depth = 300 + Math.floor(random.uniform() * 5000);
    return sent(whole(path, "[".repeat(depth) + "]".repeat(depth)));
  },
  "a body that ends early": (path, body) => {
    const bytes = whole(path, body, { "content-length": String(body.length + 100) });
    return sent(bytes, true);
  },
  "a slow sender": (path, body) => sent(whole(path, body.slice(1), { "content-length": String(body.length) })),
  "a packed body that is none": (path, body, random) => {
    const coding = ["gzip", "deflate", "br"][Math.floor(random.uniform() * 3)] as string;
    return sent(whole(path, body, { "content-encoding": coding }));
  },
  "a packed body that is cut short": (path, body, random) => {
    const bytes = gzipSync(body);
    return sent(whole(path, bytes.subarray(0, Math.floor(random.uniform() * bytes.length)), { "content-encoding": "gzip" }));
  },
  "a small body that unpacks to a large one": (path) => sent(whole(path, BOMB, { "content-encoding": "gzip" })),
  "a length that is none": (path, body, random) =>
    sent(
      Buffer.from(
        head(path, { "content-length": ["-5", "1e3", "abc", "99999999999"][Math.floor(random.uniform() * 4)] as string }) + body,
      ),
    ),
  "chunks that are none": (path) => sent(Buffer.from(`${head(path, { "transfer-encoding": "chunked" })}zz\r\nabc\r\n`)),
  "two lengths": (path, body) => sent(Buffer.from(head(path, { "content-length": "3", "Content-Length": "5" }) + body)),
  "a form without its end": (_path, _body, random) => {
    const form = '--b\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n\x89PNG\r\n';
    const cut = form.slice(0, 5 + Math.floor(random.uniform() * (form.length - 5)));
    return sent(whole("/predict", cut, { "content-type": "multipart/form-data; boundary=b" }));
  },
  "a form of something else": () =>
    sent(
      whole("/predict", '--b\r\ncontent-disposition: form-data; name="x"\r\n\r\ny\r\n--b--\r\n', {
        "content-type": "multipart/form-data; boundary=b",
      }),
    ),
  "an image that is none": (_path, _body, random) => {
    const bytes = Buffer.from(Array.from({ length: 64 }, () => random.bits() & 255));
    return sent(
      whole("/predict?model=MODEL", Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), bytes]), {
        "content-type": "image/png",
      }),
    );
  },
  "a huge head": (path) => sent(Buffer.from(head(path, { "x-long": "a".repeat(64 * 1024) }))),
  "a head that is none": (_path, _body, random) =>
    sent(Buffer.from(Array.from({ length: 100 }, () => random.bits() & 255)).fill("\r\n\r\n", 96)),
  "another host": (path, body) =>
    sent(
      Buffer.from(
        `POST ${path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      ),
    ),
  "another origin": (path, body) => sent(whole(path, body, { origin: "http://evil.example" })),
  "another method": (path) => sent(Buffer.from(head(path, {}, "DELETE"))),
  "a path that is none": (_path, body, random) => sent(whole(`/${random.bits().toString(36)}/../%00%ff`, body)),
  "a huge prompt": () =>
    sent(whole("/v1/completions", JSON.stringify({ model: "tiny", prompt: "word ".repeat(5_000), max_tokens: 1 }))),
  "raw bytes that do not fit": (_path, _body, random) => {
    const json = '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}';
    const bytes = Buffer.concat([Buffer.from(json), Buffer.alloc(Math.floor(random.uniform() * 8), 255)]);
    return sent(
      whole("/v2/models/linear/infer", bytes, {
        "inference-header-content-length": String(json.length + Math.floor(random.uniform() * 3)),
      }),
    );
  },
  "a schema that cannot be": () =>
    sent(
      whole(
        "/v1/chat/completions",
        '{"model":"tiny","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"enum":[]}}}}',
      ),
    ),
};

/** Request number i of a seed; `model` is one of texts. */
export function malformed(i: number, seed: number, model: string): Malformed {
  const random = new Random(seed, "malformed", i);
  const names = Object.keys(MAKERS);
  const what = names[i % names.length] as string;
  const [path, body] = BODIES[Math.floor(random.uniform() * BODIES.length)] as (typeof BODIES)[number];
  const made = (Object.values(MAKERS)[i % names.length] as Maker)(path, body.replace("MODEL", model), random);
  return { what, ...made, bytes: Buffer.from(made.bytes.toString("latin1").replace("model=MODEL", `model=${model}`), "latin1") };
}

/** Sends bytes and waits for the end of the connection. Rejects where there is none in time. */
export function sendRaw(port: number, { what, bytes, hangsUp }: Malformed, timeoutMs: number): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const parts: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(bytes);
      if (hangsUp) setTimeout(() => socket.destroy(), 5);
    });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`${what}: no answer in ${timeoutMs} ms to ${JSON.stringify(bytes.toString("latin1").slice(0, 200))}`));
    }, timeoutMs);
    socket.on("data", (data) => parts.push(data));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      const text = Buffer.concat(parts).toString("latin1");
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      resolve({ what, status, text, ms: performance.now() - start });
    });
  });
}

/** Whether an answer tells of the inside: a path, a stack, a module. */
export const leaks = (text: string): boolean => /node_modules|\bat \S+ \(|\/work\/|\/home\/|\/tmp\/|\.[jt]s:\d+/.test(text);

/** Sends many, some at once; counts by kind and status, and what should not be. */
export async function storm(
  port: number,
  {
    count,
    seed,
    model,
    atOnce,
    onStart,
  }: {
    readonly count: number;
    readonly seed: number;
    readonly model: string;
    readonly atOnce: number;
    /** Told of each as it is sent. */
    readonly onStart?: (i: number) => void;
  },
): Promise<{ readonly statuses: ReadonlyMap<string, number>; readonly wrong: readonly string[] }> {
  const statuses = new Map<string, number>();
  const wrong: string[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      onStart?.(next);
      const request = malformed(next++, seed, model);
      const { what, status, text } = await sendRaw(port, request, 20_000);
      const key = `${what}: ${status}`;
      statuses.set(key, (statuses.get(key) ?? 0) + 1);
      // A value in place of another may happen to be one that is taken; who hangs up gets no answer.
      const isFine =
        (status >= 400 && status < 500) ||
        (status === 200 && /another value|a byte changed/.test(what)) ||
        (status === 0 && request.hangsUp);
      if (!isFine || leaks(text)) wrong.push(`${key} ${request.bytes.toString("latin1").slice(-300)} → ${text.slice(-300)}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { statuses, wrong };
}
