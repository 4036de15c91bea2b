/** @module `descent quantize MODEL`. */
import { CALIBRATIONS } from "../../compress/quantize/calibration.js";
import { FORMS, REFINEMENTS } from "../../compress/quantize/options.js";
import { dataOptions, deviceOptions, onnxOptions } from "../../tasks/options.js";
import { outOptions, smallTrainingOf, smallTrainingOptions } from "../../tasks/compressing/options.js";
import { ConfigError } from "../../util/errors.js";
import { choice, flag, integer, kebabCase, list, number, text } from "../../util/option.js";
import { printableLine } from "../../util/terminal.js";
import { beforeAfterTable } from "../before-after-table.js";
import { compressingContext } from "../compressing-context.js";
import { defineVerb } from "../verb.js";
import { defined } from "../../util/record.js";

export const verb = defineVerb({
  engine: true,
  positionals: [{ name: "MODEL", help: "a run folder, an ONNX file, or a GGUF file" }],
  options: {
    ...outOptions,
    out: { ...outOptions.out, defaultText: "MODEL-quantized" },
    form: choice(FORMS, {
      help: "int8-dynamic: activations as they come; int8-static: activations calibrated; int8, int4: weights alone, in blocks; float16: stored in half the bytes",
      defaultText: "int4 for models that write, int8-static for convolutions, else int8-dynamic",
    }),
    blockSize: choice(["16", "32", "64", "128", "256"], { help: "int8, int4: weights that share a scale", default: "64" }),
    calibration: choice(CALIBRATIONS, { help: "int8-static: how ranges of activations are chosen", default: "min-max" }),
    calibrationExamples: integer({ help: "training examples to look at", minimum: 1, default: 128 }),
    refine: choice(REFINEMENTS, {
      help: "how weights are chosen besides rounding them: gptq, awq of int4 and int8; smoothquant of int8-dynamic and int8-static; bias-correction, adaround, brecq of int8-static",
      default: "none",
    }),
    roundingSteps: integer({ help: "adaround, brecq: training steps for each layer, or block", minimum: 1, default: 400 }),
    keep: list(text({ help: "layers that stay in float32; * stands for anything", metavar: "PATTERN" })),
    mostLoss: number({
      help: "keep layers in float32 until no more of the task's metric is lost than this: 0.005 is half a point of accuracy, or 0.5 % of a loss",
      minimum: 0,
      metavar: "FRACTION",
    }),
    aware: flag({
      help: "int8-static: train with the rounding in place, its steps learned (LSQ); the options of training are for it",
    }),
    ...smallTrainingOptions,
    lr: { ...smallTrainingOptions.lr, defaultText: "a tenth of the run's" },
    sensitivity: flag({ help: "measure what is lost by each layer alone" }),
    leastSpeedup: number({ help: "a layer that gains less stays in float32", above: 0, default: 1.05 }),
    evenIfSlower: flag({ help: "quantize layers that gain nothing as well, for their size" }),
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
    if (stray !== undefined) throw new ConfigError(`--${kebabCase(stray)}: expected --aware besides, got none`);
    const { quantizeRun } = await import("../../tasks/compressing/quantize-node.js");
    const { form, calibration, calibrationExamples, refine, keep, leastSpeedup, evenIfSlower, mostLoss, sensitivity } = options;
    const { preprocess, imageSize, labels, tokenizer, input } = options;
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
      { ...compressingContext(context, out), onnx: defined({ preprocess, imageSize, labels, tokenizer, input }) },
    );
    print(beforeAfterTable(summary.compression));
    print(printableLine(`run ${out}`));
    print(printableLine(`report ${out}/report.html`));
    return { run: out, ...summary };
  },
});
