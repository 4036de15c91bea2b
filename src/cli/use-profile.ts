/**
 * @module `--profile DIR` of the verbs that use a model.
 */
import { dirname, join } from "node:path";
import { choice, text, valuesOf } from "../util/option.js";
import { deviceOptions, onnxOptions, shapeOptions } from "../tasks/options.js";
import type { OptionTable, OptionValues } from "../util/option.js";
import type { Dataset } from "../data/index.js";
import { PROFILE_FILES } from "../cost/profile-node.js";
import { checkWritable } from "../run/run-folder-files-node.js";
import type { OnnxUseOptions, OpenedModel } from "../tasks/use/open-node.js";
import type { TrainedModel, UseOptions } from "../tasks/trained-model.js";
import { printableLine } from "../util/terminal.js";

export const profileOptions = {
  profile: text({
    help: "time some batches by layer and op, the loading of data apart: a page, and a trace for Perfetto or Chrome, in this folder",
    metavar: "DIR",
  }),
  lang: choice(["en", "zh"], { help: "language in which the page of --profile opens", default: "en", env: "DESCENT_LANG" }),
} satisfies OptionTable;

type ProfileOptions = Pick<OptionValues<typeof profileOptions>, "profile"> & Pick<UseOptions, "device">;

/** Refuses a profile that cannot be made, before anything is computed. ConfigError. */
export async function checkProfileOptions({ profile, device }: ProfileOptions): Promise<void> {
  if (profile === undefined) return;
  checkWritable(dirname(profile), `--profile ${profile}`);
  const { checkUseProfile } = await import("../tasks/use/profile-node.js");
  await checkUseProfile(device);
}

/** The model that was used, its examples, and how it is opened. */
interface Used {
  readonly path: string;
  readonly use: UseOptions & OnnxUseOptions;
  readonly open: (path: string, use: UseOptions & OnnxUseOptions) => Promise<OpenedModel>;
  readonly model: TrainedModel;
  readonly examples: Dataset;
  readonly readingMs: number;
  readonly note: (text: string) => void;
}

/** Options of opening a model, from a verb's. */
export const useOptionsOf = (options: UseOptions & OnnxUseOptions): UseOptions & OnnxUseOptions =>
  valuesOf(options, { ...deviceOptions, ...onnxOptions, ...shapeOptions });

/** Makes the profile where one is asked for, and says so. */
export async function noteProfile(
  { profile: folder, lang }: OptionValues<typeof profileOptions>,
  { path, use, open, note, ...used }: Used,
): Promise<void> {
  if (folder === undefined) return;
  const { profileUse } = await import("../tasks/use/profile-node.js");
  const profile = await profileUse({
    ...used,
    folder,
    language: lang,
    open: async (other) => (await open(path, { ...use, ...other })).model,
  });
  const ms = (value: number): string => `${value.toPrecision(3)} ms`;
  note(
    printableLine(
      `profile of ${profile.examples} examples: a pass ${ms(profile.stepMs)}, its ops ${ms(profile.opsMs)}, waiting ${ms(profile.loadingMs)}; ${join(folder, PROFILE_FILES.page)}`,
    ),
  );
}
