/** @module `descent quantize RUN`. */
import { CALIBRATIONS } from "../../compress/quantize/calibration.js";
import { FORMS } from "../../compress/quantize/quantize.js";
import { dataOptions, deviceOptions, tableOptionsOf } from "../../tasks/options.js";
import { choice, flag, integer, list, number, text } from "../../util/option.js";
import { printableLine } from "../../util/terminal.js";
import { beforeAfterTable } from "../before-after-table.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  engine: true,
  positionals: [{ name: "RUN", help: "a run folder, or a GGUF file" }],
  options: {
    out: text({ help: "the run folder to make", placeholder: "RUN", short: "o", defaultText: "RUN-quantized" }),
    overwrite: flag({ help: "replace the run that is already in --out" }),
    form: choice(FORMS, {
      help: "int8-dynamic: activations as they come; int8-static: activations calibrated; int8, int4: weights alone, in blocks; float16: stored in half the bytes",
      defaultText: "int4 for models that write, int8-static for convolutions, else int8-dynamic",
    }),
    blockSize: choice(["16", "32", "64", "128", "256"], { help: "int8, int4: weights that share a scale", default: "64" }),
    calibration: choice(CALIBRATIONS, { help: "int8-static: how ranges of activations are chosen", default: "min-max" }),
    calibrationExamples: integer({ help: "training examples to look at", minimum: 1, default: 128 }),
    keep: list(text({ help: "layers that stay in float32; * stands for anything", placeholder: "PATTERN" })),
    leastSpeedup: number({ help: "a layer that gains less stays in float32", above: 0, default: 1.05 }),
    evenIfSlower: flag({ help: "quantize layers that gain nothing as well, for their size" }),
    ...dataOptions,
    lang: choice(["en", "zh"], { help: "language of the report", default: "en", env: "DESCENT_LANG" }),
    ...deviceOptions,
  },
  examples: [
    "descent quantize runs/fashion",
    "descent quantize runs/shakespeare --form int4 --block-size 32 --out runs/shakespeare-int4",
  ],
  async run({ positionals: [path = ""], options, print, note, command, progress }) {
    const { quantizeRun } = await import("../../tasks/compressing/quantize-node.js");
    const { form, blockSize, calibration, calibrationExamples, keep, leastSpeedup, evenIfSlower, threads } = options;
    const out = options.out ?? `${path.replace(/[/\\]+$/, "")}-quantized`;
    const summary = await quantizeRun(
      path,
      {
        ...(form && { form }),
        blockSize: Number(blockSize),
        calibration,
        calibrationExamples,
        keep,
        leastSpeedup,
        evenIfSlower,
      },
      {
        out,
        overwrite: options.overwrite,
        command,
        language: options.lang,
        device: options.device,
        ...(threads && { threads }),
        data: {
          ...(options.data === undefined ? {} : { data: options.data }),
          ...(options.labelColumn === undefined ? {} : { labelColumn: options.labelColumn }),
          ...(options.textColumn === undefined ? {} : { textColumn: options.textColumn }),
          ...tableOptionsOf(options),
          skipBadRows: options.skipBadRows,
          repair: options.repair,
        },
        note,
        progress,
      },
    );
    print(beforeAfterTable(summary.compression));
    print(printableLine(`run ${out}`));
    print(printableLine(`report ${out}/report.html`));
    return { run: out, ...summary };
  },
});
