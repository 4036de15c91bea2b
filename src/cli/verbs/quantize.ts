/** @module `descent quantize MODEL`. */
import { dataOptions, deviceOptions, onnxOptions } from "../../tasks/options.js";
import { gainOptions, quantizeOptions } from "../../tasks/compressing/quantize-options.js";
import { outOptions, smallTrainingOf, smallTrainingOptions } from "../../tasks/compressing/options.js";
import { ConfigError } from "../../util/errors.js";
import { flag, kebabCase, valuesOf } from "../../util/option.js";
import { printCompressed } from "../before-after-table.js";
import { compressingContext } from "../compressing-context.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  engine: true,
  positionals: [{ name: "MODEL", help: "a run folder, an ONNX file, or a GGUF file" }],
  options: {
    ...outOptions,
    out: { ...outOptions.out, defaultText: "MODEL-quantized" },
    ...quantizeOptions,
    aware: flag({
      help: "int8-static: quantization-aware training with learned step sizes (LSQ), which the training options are for",
    }),
    ...smallTrainingOptions,
    lr: { ...smallTrainingOptions.lr, defaultText: "a tenth of the run's" },
    ...gainOptions,
    ...dataOptions,
    ...onnxOptions,
    ...deviceOptions,
  },
  examples: [
    "descent quantize runs/fashion",
    "descent quantize their-model.onnx --data photos/ --labels labels.txt",
    "descent quantize runs/shakespeare --form int4 --block-size 32 --out runs/shakespeare-int4",
  ],
  async run(context) {
    const { positionals, options, print } = context;
    const [path = ""] = positionals;
    const { seed, device: _device, threads, ...training } = smallTrainingOf(options);
    const [stray] = options.aware ? [] : Object.keys(training);
    if (stray !== undefined) throw new ConfigError(`--${kebabCase(stray)}: expected --aware as well, got none`);
    const { quantizeRun } = await import("../../tasks/compressing/quantize-node.js");
    const { refine: refinement, ...chosen } = valuesOf(options, { ...quantizeOptions, ...gainOptions });
    const out = options.out ?? `${path.replace(/[/\\]+$/, "").replace(/\.(onnx|gguf)$/, "")}-quantized`;
    const summary = await quantizeRun(
      path,
      {
        ...chosen,
        blockSize: Number(chosen.blockSize),
        refinement,
        aware: options.aware ? { ...training, seed, threads } : undefined,
      },
      compressingContext(context, out),
    );
    return printCompressed(print, out, summary);
  },
});
