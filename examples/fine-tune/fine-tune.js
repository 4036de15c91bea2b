/**
 * @module A checkpoint in Hugging Face's form learns to sort your texts: `node fine-tune.js path/to/bert reviews.csv`, a table with the columns text and label.
 * The folder has config.json, model.safetensors and tokenizer.json; what is learned is written as such a folder, which Hugging Face's libraries read.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { symbol, toNumbers } from "descentjs";
import { loadData } from "descentjs/data/node";
import { crossEntropy } from "descentjs/losses";
import { lora, mergeAdapters, removeAdapters } from "descentjs/nn";
import { adamW, linear } from "descentjs/optim";
import { loadTokenizer, padTokens } from "descentjs/text";
import { fineTune, loadPretrained, savePretrained, TrainingState, trainingStep } from "descentjs/train";

const [checkpoint = "bert", table = "reviews.csv", epochs = "3", batchSize = "16"] = process.argv.slice(2);
const { train, test } = await loadData(table, { textColumn: "text", labelColumn: "label", seed: 1 });
const classes = [...new Set(train.texts("label"))].sort();
const as = "BertForSequenceClassification";
const { model, weights, config } = await loadPretrained(checkpoint, { as, numLabels: classes.length });
const tokenizer = await loadTokenizer(checkpoint);

/** Texts as tokens, in batches: padded to a few lengths, so that few graphs are compiled. */
const maxLength = Math.min(128, config.max_position_embeddings);
const lengths = [16, 32, 64, 128].filter((length) => length < maxLength).concat(maxLength);
async function batchesOf(data) {
  const labels = data.texts("label").map((name) => classes.indexOf(name));
  const encodings = await tokenizer.encodeBatch(data.texts("text"), { maxLength, truncation: "longest-first" });
  return Array.from({ length: Math.ceil(labels.length / batchSize) }, (_, k) => {
    const [first, end] = [k * batchSize, (k + 1) * batchSize];
    const { input_ids, attention_mask } = padTokens(encodings.slice(first, end), { padId: tokenizer.special.pad ?? 0, lengths });
    const label = Int32Array.from(labels.slice(first, end));
    return { input_ids, attention_mask, label: { dtype: "int32", shape: [label.length], data: label } };
  });
}
const [training, unseen] = [await batchesOf(train), await batchesOf(test)];

// Adapters of rank 8 beside queries and values, and a new head; everything else stays as it is.
const optimizer = fineTune(model, adamW({ learningRate: linear({ peak: 2e-3, warmupSteps: 10 }) }), {
  adapters: lora({ rank: 8, modulesToSave: ["classifier"] }),
});
const logits = ({ input_ids, attention_mask }) => model.forward(input_ids, { mask: attention_mask }); // [N, classes]
const step = trainingStep({ model, optimizer, loss: (batch) => crossEntropy(logits(batch), batch.label) });
const state = await TrainingState.create(step, { weights, seed: 1 });
state.totalSteps = epochs * training.length;
for (let epoch = 1; epoch <= epochs; epoch++) {
  let sum = 0;
  for (const batch of training) sum += (await state.run(batch)).loss;
  console.log(`epoch ${epoch}: loss ${(sum / training.length).toFixed(3)}`);
}

// Any number of texts of any length: one graph.
const tokens = { dtype: "int64", shape: [symbol("N"), symbol("T")] };
const answer = await state.evaluator({ input_ids: tokens, attention_mask: tokens }, (batch) => ({
  label: logits(batch).argMax(1),
}));
let right = 0;
for (const { label: truth, ...batch } of unseen) {
  const { label } = await answer(batch);
  right += toNumbers(label).filter((k, n) => k === truth.data[n]).length;
}
console.log(`${right} of ${test.length} unseen texts right`);

const merged = mergeAdapters(model, await state.parameters()); // weight + alpha/rank · B·A
removeAdapters(model);
const names = {
  id2label: Object.fromEntries(classes.entries()),
  label2id: Object.fromEntries(classes.map((name, k) => [name, k])),
};
const json = await readFile(join(checkpoint, "tokenizer.json"), "utf8");
await savePretrained("fine-tuned", model, merged, { tokenizer: json, config: names });
await state.dispose();
