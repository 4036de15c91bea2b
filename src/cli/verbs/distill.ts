/** @module `descent distill TEACHER…`. */
import { distillOptions } from "../../tasks/compressing/distill-options.js";
import { compressingOptions, smallTrainingOf } from "../../tasks/compressing/options.js";
import { valuesOf } from "../../util/option.js";
import { onnxOptions } from "../../tasks/options.js";
import { compressingContext } from "../compressing-context.js";
import { printCompressed } from "../before-after-table.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  positionals: [
    {
      name: "TEACHER",
      help: "runs, ONNX files, or stored outputs (FILE.safetensors: logits, or values and indices, for each training row)",
      many: true,
    },
  ],
  options: { ...distillOptions, ...compressingOptions, ...onnxOptions },
  examples: [
    "descent distill runs/reviews --student every-second-layer --hidden 1 --out runs/reviews-half",
    "descent distill runs/large runs/other --student lenet-5 --temperature 8 --out runs/small",
    "descent distill big-model-logits.safetensors --student runs/small --out runs/taught",
  ],
  engine: true,
  async run(context) {
    const { positionals, options, print } = context;
    const { ConfigError } = await import("../../util/errors.js");
    const [first] = positionals;
    if (first === undefined) throw new ConfigError("distill: expected a teacher, a run or stored outputs, got none");
    const { distillRun } = await import("../../tasks/compressing/distill-run-node.js");
    const out = options.out ?? `${first.replace(/(\.safetensors|\.onnx|\/+)$/, "")}-student`;
    const summary = await distillRun(
      positionals,
      valuesOf(options, distillOptions),
      smallTrainingOf(options),
      compressingContext(context, out),
    );
    return printCompressed(print, out, summary);
  },
});
