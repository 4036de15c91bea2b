/** @module `descent distill TEACHER…`. */
import { compressingOptions, smallTrainingOf } from "../../tasks/compressing/options.js";
import { integer, number, text, valuesOf } from "../../util/option.js";
import { onnxOptions } from "../../tasks/options.js";
import { compressingContext, onnxFactsOf } from "../compressing-context.js";
import { printCompressed } from "../before-after-table.js";
import { defineVerb } from "../verb.js";

const weight = (help: string, metavar = "WEIGHT") => number({ help, minimum: 0, metavar, default: 0 });

const distillOptions = {
  student: text({
    help: "the model to train: a model of the task, a run to train further, or every-second-layer of the teacher",
    metavar: "STUDENT",
    defaultText: "every-second-layer",
  }),
  temperature: number({ help: "temperature that logits are divided by", above: 0, metavar: "T", default: 4 }),
  alpha: number({
    help: "weight of the teachers' outputs in the loss; that of the labels is 1 - SHARE",
    minimum: 0,
    maximum: 1,
    metavar: "SHARE",
    default: 0.7,
  }),
  hidden: weight("weight of hidden states, through learned projections (TinyBERT)"),
  attention: weight("weight of attention maps (TinyBERT)"),
  cosine: weight("weight of the direction of the last hidden states (DistilBERT)"),
  relations: weight("weight of relations between values (MiniLM)"),
  examples: weight("weight of distances and angles between examples (RKD)"),
  topK: integer({ help: "learn from only the K largest logits of each row", minimum: 1, metavar: "K" }),
  sequences: integer({
    help: "text generation: learn from N texts that the teachers generate (Kim and Rush 2016), in any vocabulary",
    minimum: 1,
    metavar: "N",
  }),
  unlabelled: text({ help: "learn from these inputs, which need no labels", metavar: "DATA" }),
  cache: text({ help: "folder that caches the teachers' outputs", metavar: "FOLDER", defaultText: "the user's cache" }),
};

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
  async run({ positionals, options, command, signal, progress, note, print }) {
    const { ConfigError } = await import("../../util/errors.js");
    const [first] = positionals;
    if (first === undefined) throw new ConfigError("distill: expected a teacher, a run or stored outputs, got none");
    const { distillRun, EVERY_SECOND } = await import("../../tasks/compressing/distill-run-node.js");
    const out = options.out ?? `${first.replace(/(\.safetensors|\.onnx|\/+)$/, "")}-student`;
    const summary = await distillRun(
      positionals,
      { ...valuesOf(options, distillOptions), student: options.student ?? EVERY_SECOND },
      smallTrainingOf(options),
      { ...compressingContext({ options, command, signal, progress, note }, out), onnx: onnxFactsOf(options) },
    );
    printCompressed(print, out, summary.compression);
    return { run: out, ...summary };
  },
});
