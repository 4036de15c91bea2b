/**
 * @module The engine's errors about somebody's file, said of the file: what of it, which was expected, and what is there.
 */
import type { ModelProto, NodeProto, OnnxModel } from "../onnx/index.js";
import { DataError, SessionError, UnsupportedOpError } from "../util/errors.js";
import type { Session, Value } from "./runtime.js";

/** Matches the engine's errors for an op that it does not have, and for one that it has no kernel of. */
const MISSING_OPS: readonly RegExp[] = [
  /(?<domain>[\w.]*):(?<op>\w+)\(-?\d+\) is not a registered function\/op/,
  /No Op registered for (?<op>\w+) with domain_version of/,
  /Could not find an implementation for (?<op>\w+)\(\d+\) node/,
];

/** Names the op, with its opset, that the engine lacks. */
function missingOp(error: SessionError, { where, proto }: OnnxModel): UnsupportedOpError | undefined {
  const { op, domain: said } = MISSING_OPS.map((pattern) => pattern.exec(error.message)?.groups).find(Boolean) ?? {};
  if (op === undefined) return undefined;
  const domain = said ?? proto.graph.nodes.find((node) => node.opType === op)?.domain ?? "";
  const name = domain === "" || domain === "ai.onnx" ? op : `${domain}.${op}`;
  return new UnsupportedOpError(
    `${where}: expected ops that the engine has, got ${name} of opset ${proto.opsets.get(domain) ?? 1}; export the model without it`,
    { cause: error },
  );
}

const typed = (name: string): string => (name === "float" ? "float32" : name === "double" ? "float64" : name);
const titled = ({ name, outputs, opType }: NodeProto): string => `node "${name === "" ? (outputs[0] ?? "") : name}" (${opType})`;

/** The node that the engine means, by its name, by an output, or by its op where it is the only one. */
function nodeIn({ graph }: ModelProto, name: string, { output, op }: { output?: string; op?: string } = {}): string {
  const named = graph.nodes.filter((node) =>
    output !== undefined ? node.outputs.includes(output) : node.name === name && (op === undefined || node.opType === op),
  );
  const [only] = named;
  if (only !== undefined && named.length === 1) return titled(only);
  return name === "" ? `a node (${op ?? "of no name"})` : `node "${name}"${op === undefined ? "" : ` (${op})`}`;
}

/** Makes what is said of a file of the parts of the engine's words. */
type Said = readonly [RegExp, (parts: readonly string[], proto: ModelProto) => string];

const SAID: readonly Said[] = [
  [
    /Type \(tensor\((\w+)\)\) of output arg \((.*)\) of node \((.*)\) does not match expected type \(tensor\((\w+)\)\)/,
    ([declared = "", value = "", name = "", given = ""], proto) => {
      const kind = proto.graph.outputs.some((output) => output.name === value) ? "output" : "value";
      const node = nodeIn(proto, name, { output: value });
      return `${kind} "${value}": expected ${typed(given)}, as ${node} gives, got a declared type of ${typed(declared)}`;
    },
  ],
  [
    /Type parameter \(\w+\) of Optype \((\w+)\) bound to different types \(tensor\((\w+)\) and tensor\((\w+)\) in node \((.*)\)/,
    ([op = "", one = "", other = "", name = ""], proto) =>
      `${nodeIn(proto, name, { op })}: expected inputs of one type, got ${typed(one)} and ${typed(other)}`,
  ],
  [
    /Type 'tensor\((\w+)\)' of input parameter \((.*)\) of operator \((\w+)\) in node \((.*)\) is invalid/,
    ([type = "", value = "", op = "", name = ""], proto) =>
      `${nodeIn(proto, name, { op })}: expected another type of input "${value}", got ${typed(type)}`,
  ],
  [
    /Mismatched attribute type in '(.*) : (.*)'\. Expected: '(\w+)', actual: '(\w+)'/,
    ([name = "", attribute = "", expected = "", actual = ""], proto) =>
      `${nodeIn(proto, name)}: expected ${attribute} to be of type ${expected.toLowerCase()}, got ${actual.toLowerCase()}`,
  ],
  [
    /In Node, \("(.*)", (\w+), .*Unrecognized attribute: (.*) for operator/,
    ([name = "", op = "", attribute = ""], proto) =>
      `${nodeIn(proto, name, { op })}: expected attributes that the op has, got "${attribute}"`,
  ],
  [
    /In Node, \("(.*)", (\w+), .*has (input|output) size (\d+) not in range \[min=(\d+), max=(\d+)\]/,
    ([name = "", op = "", side = "", count = "", least = "", most = ""], proto) =>
      `${nodeIn(proto, name, { op })}: expected ${least === most ? least : `${least} to ${most}`} ${side}s, got ${count}`,
  ],
  [
    /Node \((.*)\) Op \((\w+)\) \[\w+\] (.*)/,
    ([name = "", op = "", words = ""], proto) =>
      `${nodeIn(proto, name, { op })}: expected what the op takes, got something else: ${words}`,
  ],
  [/Duplicate definition of name \((.*)\)\./, ([name = ""]) => `expected one node that gives "${name}", got several`],
  [/Graph output \((.*)\) does not exist/, ([name = ""]) => `expected a node that gives output "${name}", got none`],
  [
    /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    ([got = "", most = ""]) => `expected an IR version of at most ${most}, got ${got}; export it for an older version of ONNX`,
  ],
  [
    /Opset (\d+) is under development .* domain (\S+) is till opset (\d+)/,
    ([got = "", domain = "", most = ""]) =>
      `expected opset ${most} of ${domain} or an older one, got ${got}; export it with an older opset`,
  ],
];

/** The engine's words without the file's place, its own source's and what it calls such errors. */
const plainWords = (message: string): string =>
  message
    .replace(/^engine on cpu: /, "")
    .replace(/^Load model from .*? failed:/, "")
    .replace(/^\/\S+:\d+ .*?\) (?=[A-Z])/, "")
    .replace(/^This is an invalid model\. (?:Error: )?|^Exception during initialization: |^Type Error: /, "");

/** Matches failures that are the machine's. */
const OF_MACHINE = /alloc|out of memory/i;

/** The engine's refusal of a file, as an error about the file; other errors, and failures of a device or of memory, stay. */
export function refusedFile(error: unknown, model: OnnxModel): unknown {
  if (!(error instanceof SessionError)) return error;
  const missing = missingOp(error, model);
  if (missing !== undefined) return missing;
  for (const [pattern, say] of SAID) {
    const found = pattern.exec(error.message);
    if (found !== null) return new DataError(`${model.where}: ${say(found.slice(1), model.proto)}`, { cause: error });
  }
  if (!error.message.startsWith("engine on cpu: ") || OF_MACHINE.test(error.message)) return error;
  return new DataError(
    `${model.where}: expected a file that the engine opens, got one that it refuses: ${plainWords(error.message)}`,
    {
      cause: error,
    },
  );
}

/** Matches the engine's error for a node that failed on what it was given. */
const FAILED = /^engine: (node ".*" \(\w+\)): (.*)$/;

/** A session of a file: what a node does not take is said of the file. */
export class FileSession implements Session {
  readonly device: Session["device"];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #session: Session;
  readonly #where: string;

  constructor(session: Session, where: string) {
    this.#session = session;
    this.#where = where;
    this.device = session.device;
    this.inputs = session.inputs;
    this.outputs = session.outputs;
  }

  async run(...given: Parameters<Session["run"]>): Promise<Record<string, Value>> {
    try {
      return await this.#session.run(...given);
    } catch (error) {
      const [, node, words = ""] = (error instanceof SessionError ? FAILED.exec(error.message) : null) ?? [];
      if (node === undefined || OF_MACHINE.test(words)) throw error;
      throw new SessionError(`${this.#where}: ${node}: expected values that it takes, got others: ${words}`, {
        cause: error,
        exitCode: 2,
      });
    }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#session[Symbol.asyncDispose]();
  }
}
