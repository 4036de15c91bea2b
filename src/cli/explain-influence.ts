/**
 * @module `descent explain RUN INPUT… --influence N`: the training examples that answers lean on.
 */
import type { InfluenceRequest, InfluenceResult, InfluentialExample } from "../tasks/explaining/influence-node.js";
import type { NamedInputs } from "../tasks/task-node.js";
import type { TrainedModel } from "../tasks/trained-model.js";
import { formatTable } from "../util/text.js";
import type { DrawingPlace } from "./drawing.js";
import { expectOneInput, writeDrawings } from "./drawing.js";
import type { Reporter } from "./explain-data.js";

export interface InfluenceOptions extends InfluenceRequest, DrawingPlace {
  readonly language: "en" | "zh";
}

/** Names the training examples, draws them, and returns what `--json` prints. */
export async function explainInfluence(
  model: TrainedModel,
  path: string,
  inputs: NamedInputs,
  options: InfluenceOptions,
  { print, note, progress }: Reporter,
): Promise<object> {
  const { traceInfluence } = await import("../tasks/explaining/influence-node.js");
  const { exampleText } = await import("../tasks/explaining/influence-page.js");
  const bar = progress({ label: "influence", total: 100, unit: "%" });
  const found = await traceInfluence(model, inputs, path, {
    ...options,
    onProgress: (fraction) => bar.update(Math.round(100 * fraction)),
  });
  bar.finish();
  for (const { en } of found.remarks) note(en);
  const row = ({ view, label, value, row: place }: InfluentialExample): string[] => [
    String(Number(value.toPrecision(3))),
    label,
    exampleText(view, 60),
    String(place),
  ];
  for (const { view, label, raising, lowering } of found.influences)
    print(
      formatTable(
        ["influence", "label", `training examples for "${label}": ${exampleText(view, 40)}`, "place"],
        [...raising.map(row), ...[...lowering].reverse().map(row)],
      ),
    );
  const files = await drawn(path, found, options);
  note(files.length === 1 ? `picture in ${files[0]}` : `${files.length} files in ${options.place}`);
  const example = ({ view, ...rest }: InfluentialExample): object => ({ ...rest, example: exampleText(view, 400) });
  return {
    influences: found.influences.map(({ view, label, raising, lowering }) => ({
      input: view.name,
      label,
      raising: raising.map(example),
      lowering: lowering.map(example),
    })),
    checkpoints: found.checkpoints,
    remarks: found.remarks.map(({ en }) => en),
    files,
  };
}

async function drawn(path: string, found: InfluenceResult, { language, ...drawing }: InfluenceOptions): Promise<string[]> {
  const { influenceChart, influencePage } = await import("../tasks/explaining/influence-page.js");
  const { influences } = found;
  return writeDrawings(drawing, {
    page: () => influencePage(path, found, language),
    picture: () => {
      expectOneInput(drawing, influences.length);
      return influenceChart(influences[0] as (typeof influences)[number], { language });
    },
    pictures: () =>
      Promise.all(influences.map(async (one, i) => [`influence-${i + 1}`, await influenceChart(one, { language })] as const)),
  });
}
