/** @module The options of distillation. */
import type { OptionValues } from "../../util/option.js";
import { integer, number, text } from "../../util/option.js";

/** The student that is the teacher without every second layer. */
export const EVERY_SECOND = "every-second-layer";

const weight = (help: string, metavar = "WEIGHT") => number({ help, minimum: 0, metavar, default: 0 });

export const distillOptions = {
  student: text({
    help: "the model to train: a model of the task, a run to train further, or every-second-layer of the teacher",
    metavar: "STUDENT",
    default: EVERY_SECOND,
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

export type DistillOptions = OptionValues<typeof distillOptions>;
