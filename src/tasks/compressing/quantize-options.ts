/** @module The options of quantization. */
import { CALIBRATIONS } from "../../compress/quantize/calibration.js";
import { BLOCK_SIZE, FORMS, REFINEMENTS } from "../../compress/quantize/options.js";
import { choice, flag, integer, list, number, text } from "../../util/option.js";

/** Forms of weights and activations, and the layers that keep theirs. */
export const quantizeOptions = {
  form: choice(FORMS, {
    help: "int8-dynamic: activation ranges computed at run time; int8-static: calibrated ranges; int8, int4: only weights, in blocks; float16: weights stored in half the bytes",
    defaultText: "int4 for text generation, int8-static for convolutions, else int8-dynamic",
  }),
  blockSize: choice(["16", "32", "64", "128", "256"], {
    help: "int8, int4: weights that share a scale",
    default: `${BLOCK_SIZE}`,
  }),
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
};

/** Measurements besides, and the least that counts as a gain. */
export const gainOptions = {
  sensitivity: flag({ help: "measure the loss from quantizing each layer alone" }),
  leastSpeedup: number({ help: "keep layers in float32 that gain less speed than this", above: 0, default: 1.05 }),
  evenIfSlower: flag({ help: "also quantize layers that gain no speed, for their size" }),
};
