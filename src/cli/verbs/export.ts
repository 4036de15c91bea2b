/**
 * @module `descent export RUN`: a run's model as a file that other programs take, with an explanation of its answers if that is asked for.
 */
import { dirname } from "node:path";
import { checkWritable, nodeFileSystem, writeWhole } from "../../run/run-folder-files-node.js";
import { ConfigError } from "../../util/errors.js";
import { choice, integer, text } from "../../util/option.js";
import { defineVerb } from "../verb.js";

/** Options that only an explanation has. */
const OF_EXPLANATIONS = ["at", "steps", "samples", "seed", "maxLength"] as const;

export const verb = defineVerb({
  engine: true,
  positionals: [{ name: "RUN", help: "a run folder, or one of its checkpoints; for kserve and triton also an ONNX file" }],
  options: {
    format: choice(["onnx", "kserve", "triton"], {
      help: "onnx: an ONNX file; kserve: a folder that KServe or Kubernetes runs with descent serve; triton: a model repository",
      default: "onnx",
    }),
    out: text({ help: "the file, or the folder, to write", metavar: "FILE", defaultText: "none; required" }),
    explain: text({
      help: "a method whose attribution is an output of the file: integrated-gradients, grad-cam, or another gradient method",
      metavar: "METHOD",
    }),
    at: text({
      help: "the layer for methods that need one, by its module's path",
      metavar: "LAYER",
      defaultText: "found in the graph",
    }),
    steps: integer({
      help: "number of steps along a path, for methods that integrate",
      minimum: 1,
      metavar: "N",
      defaultText: "the method's own",
    }),
    samples: integer({
      help: "number of samples, for methods that average over noise",
      minimum: 1,
      metavar: "N",
      defaultText: "the method's own",
    }),
    seed: integer({ help: "seed of all random choices", minimum: 0, metavar: "N", defaultText: "the method's own" }),
    maxLength: integer({
      help: "texts: a fixed length of the file's inputs",
      minimum: 1,
      unit: "tokens",
      defaultText: "any length, if the method allows it",
    }),
  },
  examples: [
    "descent export runs/fashion --out fashion.onnx",
    "descent export runs/fashion --explain integrated-gradients --out fashion-explained.onnx",
    "descent export runs/fashion --format triton --out repository",
    "descent export runs/reviews --format kserve --out reviews-service",
  ],
  async run({ positionals: [path = ""], options, given, print, note }) {
    const { out, explain, maxLength, at, steps, samples, seed } = options;
    if (out === undefined) throw new ConfigError("export: expected --out FILE, got none");
    const stray = OF_EXPLANATIONS.find((name) => explain === undefined && given.has(name));
    if (stray !== undefined)
      throw new ConfigError(`--${stray === "maxLength" ? "max-length" : stray}: expected --explain METHOD beside it, got none`);
    checkWritable(dirname(out), `--out ${out}`);
    if (options.format !== "onnx") {
      if (explain !== undefined) throw new ConfigError(`--explain: expected --format onnx, got ${options.format}`);
      const { writeRepository } = await import("../../serve/repository-node.js");
      const { descentVersion } = await import("../../util/version-node.js");
      const written = await writeRepository(path, out, options.format, await descentVersion());
      print(`${out}: ${written.files.join(", ")}`);
      return { ...written, format: options.format };
    }
    const { TrainedModel } = await import("../../tasks/use/trained-node.js");
    const opened = await TrainedModel.open(path, { device: "cpu" });
    await using model = opened.model;
    if (explain === undefined) {
      const bytes = model.toOnnx();
      await writeWhole(nodeFileSystem, out, bytes);
      print(`${out}: the answer`);
      return { file: out, bytes: bytes.length };
    }
    const { exportExplained } = await import("../../tasks/explaining/export-node.js");
    const { methodsNamed } = await import("../../tasks/explaining/explain-node.js");
    const [method, ...more] = methodsNamed(explain);
    if (method === undefined || more.length > 0) throw new ConfigError(`--explain: expected one method, got ${explain}`);
    const { bytes, shape, remarks } = exportExplained(model, {
      method,
      at,
      steps,
      samples,
      seed,
      maxLength,
    });
    await writeWhole(nodeFileSystem, out, bytes);
    for (const remark of remarks) note(remark);
    print(`${out}: the answer and attribution ${shape} by ${method}; input target: the place of a label, -1 for the answer`);
    return { file: out, bytes: bytes.length, method, attribution: shape, remarks };
  },
});
