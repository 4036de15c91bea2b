/** @module `descent quantize MODEL`. */
import { CALIBRATIONS } from "../../compress/quantize/calibration.js";
import { FORMS, REFINEMENTS } from "../../compress/quantize/options.js";
import { dataOptions, deviceOptions, onnxOptions } from "../../tasks/options.js";
import { outOptions, smallTrainingOf, smallTrainingOptions } from "../../tasks/compressing/options.js";
import { ConfigError } from "../../util/errors.js";
import { choice, flag, integer, kebabCase, list, number, text } from "../../util/option.js";
import { printCompressed } from "../before-after-table.js";
import { compressingContext, onnxFactsOf } from "../compressing-context.js";
import { defineVerb } from "../verb.js";
import { defined } from "../../util/record.js";

export const verb = defineVerb({
  engine: true,
  positionals: [{ name: "MODEL", help: "a run folder, an ONNX file, or a GGUF file" }],
  options: {
    ...outOptions,
    out: { ...outOptions.out, defaultText: "MODEL-quantized" },
    form: choice(FORMS, {
      help: "int8-dynamic: activation ranges computed at run time; int8-static: calibrated ranges; int8, int4: only weights, in blocks; float16: weights stored in half the bytes",
      defaultText: "int4 for text generation, int8-static for convolutions, else int8-dynamic",
    }),
    blockSize: choice(["16", "32", "64", "128", "256"], { help: "int8, int4: weights that share a scale", default: "64" }),
    calibration: choice(CALIBRATIONS, { help: "int8-static: how the ranges of activations are chosen", default: "min-max" }),
    calibrationExamples: integer({ help: "number of training examples for calibration", minimum: 1, default: 128 }),
    refine: choice(REFINEMENTS, {
      help: "a method that improves on plain rounding: gptq, awq (int4, int8); smoothquant (int8-dynamic, int8-static); bias-correction, adaround, brecq (int8-static)",
      default: "none",
    }),
    roundingSteps: integer({ help: "adaround, brecq: training steps for each layer or block", minimum: 1, default: 400 }),
    keep: list(text({ help: "layers to keep in float32; * matches anything", metavar: "PATTERN" })),
    mostLoss: number({
      help: "keep layers in float32 until the task's metric loses no more than this: 0.005 is half a point of accuracy, or 0.5 % of a loss",
      minimum: 0,
      metavar: "FRACTION",
    }),
    aware: flag({
      help: "int8-static: quantization-aware training with learned step sizes (LSQ), which the training options are for",
    }),
    ...smallTrainingOptions,
    lr: { ...smallTrainingOptions.lr, defaultText: "a tenth of the run's" },
    sensitivity: flag({ help: "measure the loss from quantizing each layer alone" }),
    leastSpeedup: number({ help: "keep layers in float32 that gain less speed than this", above: 0, default: 1.05 }),
    evenIfSlower: flag({ help: "also quantize layers that gain no speed, for their size" }),
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
    const { form, calibration, calibrationExamples, refine, keep, leastSpeedup, evenIfSlower, mostLoss, sensitivity } = options;
    const out = options.out ?? `${path.replace(/[/\\]+$/, "").replace(/\.(onnx|gguf)$/, "")}-quantized`;
    const summary = await quantizeRun(
      path,
      {
        blockSize: Number(options.blockSize),
        calibration,
        calibrationExamples,
        refinement: refine,
        roundingSteps: options.roundingSteps,
        keep,
        sensitivity,
        leastSpeedup,
        evenIfSlower,
        ...defined({ form, mostLoss, aware: options.aware ? { ...training, ...defined({ seed, threads }) } : undefined }),
      },
      { ...compressingContext(context, out), onnx: onnxFactsOf(options) },
    );
    printCompressed(print, out, summary.compression);
    return { run: out, ...summary };
  },
});
