/**
 * @module A page that trains a small network, draws what it has learned, and trains another on a table that the visitor chooses.
 */
import { crossEntropy } from "descentjs/losses";
import { accuracy } from "descentjs/metrics";
import { Linear, relu, Sequential } from "descentjs/nn";
import { adamW } from "descentjs/optim";
import { train } from "descentjs/train";

const show = (text: string): void => {
  (document.querySelector("#status") as HTMLElement).textContent = text;
};

/** Points of the square from −1 to 1, and whether they lie in a ring. */
const points = Array.from({ length: 600 }, (_, i) => {
  // Two irrational steps fill the square evenly.
  const x = [((i * 0.7548776662) % 1) * 2 - 1, ((i * 0.569840291) % 1) * 2 - 1] as const;
  const radius = Math.hypot(...x);
  return { x, label: radius > 0.4 && radius < 0.8 ? "ring" : "rest" };
});

const run = await train(new Sequential(new Linear(2, 32), relu, new Linear(32, 32), relu, new Linear(32, 2)), {
  data: points,
  loss: crossEntropy(),
  optimizer: adamW({ learningRate: 0.01 }),
  metrics: { accuracy },
  epochs: 60,
  batchSize: 50,
  seed: 1,
  callbacks: [
    { onEvaluation: ({ epoch, train: { loss } }) => show(`epoch ${epoch.toFixed(0)}: loss ${(loss as number).toFixed(3)}`) },
  ],
});

// Classes are in the order of their letters: 0 is "rest", 1 is "ring".
const size = 64;
const plane = Array.from({ length: size * size }, (_, i) => ({
  x: [((i % size) / size) * 2 - 1, (Math.floor(i / size) / size) * 2 - 1],
}));
const logits = (await run.predict(plane)).flatMap(({ data }) => Array.from(data as Float32Array));
const context = (document.querySelector("#plane") as HTMLCanvasElement).getContext("2d") as CanvasRenderingContext2D;
const image = context.createImageData(size, size);
for (let i = 0; i < size * size; i++) {
  const [rest = 0, ring = 0] = logits.slice(2 * i, 2 * i + 2);
  image.data.set(ring > rest ? [37, 99, 235, 255] : [241, 245, 249, 255], 4 * i);
}
context.putImageData(image, 0, 0);
await run.dispose();
const right = run.summary.metrics.train?.["accuracy"] ?? 0;
show(
  `${(100 * right).toFixed(1)} % of ${points.length} points right, ${run.summary.steps} steps in ${run.summary.trainSeconds.toFixed(1)} s on ${run.summary.device}`,
);

document.querySelector("#file")?.addEventListener("change", (event) => {
  const [file] = (event.target as HTMLInputElement).files ?? [];
  if (file !== undefined) learn(file).catch((error: unknown) => show((error as Error).message));
});

/** Trains a linear model on a table, and says how right it is on rows that it has not seen. */
async function learn(file: File): Promise<void> {
  const { data, schema } = await parse(file);
  const { TabularPreprocessor } = await import("descentjs/data");
  const { featureNames } = TabularPreprocessor.fit(data, { target: "label", schema });
  const classes = new Set(data.texts("label")).size;
  const table = await train(new Linear(featureNames.length, classes), {
    data: file,
    target: "label",
    loss: crossEntropy(),
    optimizer: adamW({ learningRate: 0.05 }),
    metrics: { accuracy },
    epochs: 40,
    batchSize: 16,
  });
  await table.dispose();
  show(`${file.name}: ${(100 * (table.summary.metrics.test?.["accuracy"] ?? 0)).toFixed(1)} % of the held-out rows right`);
}

/** Reads the table where it is first needed. */
const parse = async (file: File) => (await import("descentjs/data")).parseTable(file);
