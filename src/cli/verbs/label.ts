/** @module `descent label DATA`: a page on which people label texts and images. */
import { readFile } from "node:fs/promises";
import { LABEL_FORMAT_NAMES } from "../../label/formats/names.js";
import { tableOptions } from "../../tasks/options.js";
import { ConfigError } from "../../util/errors.js";
import { choice, flag, integer, list, text } from "../../util/option.js";
import type { OptionValues } from "../../util/option.js";
import { printableLine } from "../../util/terminal.js";
import { defineVerb } from "../verb.js";
import { untilAborted } from "../../util/next-turn.js";

const KINDS = ["text-classes", "spans", "frames", "image-classes", "boxes", "polygons"] as const;

const options = {
  kind: choice(KINDS, {
    help: "what is labelled: classes of texts, spans in texts, predicates with their arguments (frames), classes of images, boxes or polygons in images",
    defaultText: "text-classes for a file, image-classes for a folder",
  }),
  labels: list(text({ help: "a label, or several separated by commas, or a file with one in each line", metavar: "LABEL" })),
  several: flag({ help: "classes: an item may have several, or none" }),
  overlapping: choice(["none", "nested", "any"], {
    help: "spans: whether they may overlap: never, only nested, or in any way",
    default: "none",
  }),
  instructions: text({ help: "a text file of instructions for the annotators", metavar: "FILE" }),
  store: text({
    help: "where annotations are kept: a SQLite file, or postgres://USER:PASSWORD@HOST/DATABASE",
    metavar: "DATABASE",
    defaultText: "DATA.labels.db",
    env: "DESCENT_STORE",
  }),
  people: integer({
    help: "the number of people who label each item",
    minimum: 1,
    maximum: 20,
    defaultText: "as many as before, 1 at first",
  }),
  learn: flag({
    help: "classes: train a model on the labels as they come, propose its answers, and show first the items that teach it most",
    default: true,
  }),
  model: text({ help: "a run, a checkpoint or an ONNX file whose answers are proposed", metavar: "MODEL" }),
  team: flag({ help: "require people to sign in, even on this machine; the first one uses the printed link" }),
  host: text({ help: "the address to listen on", metavar: "ADDRESS", default: "127.0.0.1" }),
  port: integer({ help: "the port to listen on; 0 takes a free one", minimum: 0, maximum: 65_535, default: 8100 }),
  allowHost: list(text({ help: "also answer requests to this host name", metavar: "NAME" })),
  tlsCert: text({ help: "a PEM file with the server's certificate", metavar: "FILE" }),
  tlsKey: text({ help: "a PEM file with the certificate's key", metavar: "FILE" }),
  behindProxy: flag({ help: "a proxy in front of this server terminates TLS" }),
  export: text({
    help: "write the final labels to a JSON Lines file, or in another --format to a folder, and exit",
    metavar: "PATH",
  }),
  format: choice(LABEL_FORMAT_NAMES, { help: "the format of --export", default: "descent" }),
  textColumn: text({ help: "the column of texts", metavar: "NAME", defaultText: "guessed from names and types" }),
  ...tableOptions,
  skipBadRows: flag({ help: "skip rows and images that cannot be read, and count them" }),
} as const;

const counted = (items: number): string => `${items} ${items === 1 ? "item" : "items"}`;

type Options = OptionValues<typeof options>;

/** Labels as they were given: names, lists with commas, and files with one in each line. */
async function labelsOf(given: readonly string[]): Promise<{ name: string }[]> {
  const names: string[] = [];
  for (const one of given) {
    const lines = await readFile(one, "utf8").catch(() => undefined);
    names.push(...(lines === undefined ? one.split(",") : lines.split(/\r?\n/)));
  }
  const labels = names.map((name) => name.trim()).filter((name) => name !== "");
  const twice = labels.find((name, i) => labels.indexOf(name) !== i);
  if (twice !== undefined) throw new ConfigError(`label: --labels: expected labels of different names, got "${twice}" twice`);
  if (labels.length === 0) throw new ConfigError("label: expected --labels, got none; for example --labels good,bad");
  return labels.map((name) => ({ name }));
}

async function textFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new ConfigError(`--instructions ${path}: expected a text file, got none`, { cause });
  });
}

/** Options of a labelling from those of the command line. */
async function labellingOptions(data: string, given: Options) {
  const { isDirectory } = await import("../../label/items.js");
  const isFolder = await isDirectory(data);
  const kind = given.kind ?? (isFolder ? "image-classes" : "text-classes");
  if ((given.tlsCert === undefined) !== (given.tlsKey === undefined))
    throw new ConfigError("--tls-cert: expected --tls-cert and --tls-key together, got one of them");
  const tls = given.tlsCert === undefined ? undefined : { certificate: given.tlsCert, key: given.tlsKey ?? "" };
  const scheme = { kind, labels: await labelsOf(given.labels), several: given.several, overlap: given.overlapping };
  const beside = isFolder ? `${data.replace(/[\\/]+$/, "")}.labels.db` : `${data}.labels.db`;
  return {
    ...given,
    data,
    scheme,
    store: given.store ?? beside,
    instructions: await textFile(given.instructions),
    overlap: given.people,
    learn: given.learn && (kind === "text-classes" || kind === "image-classes"),
    allowedHosts: given.allowHost,
    tls,
  };
}

export const verb = defineVerb({
  positionals: [{ name: "DATA", help: "a file of texts (.txt, .csv, .tsv, .jsonl, .parquet), or a folder of images" }],
  options,
  examples: [
    "descent label reviews.csv --labels good,bad",
    "descent label photos --kind boxes --labels cat,dog",
    "descent label news.jsonl --kind spans --labels PERSON,PLACE --overlapping nested --people 2 --team",
    "descent label photos --kind boxes --labels cat,dog --model runs/detector",
    "descent label reviews.csv --labels good,bad --export labelled.jsonl",
  ],
  async run({ positionals: [data = ""], options: given, given: set, signal, print, note }) {
    if (given.export === undefined && set.has("format"))
      throw new ConfigError("label: --format: expected --export, whose format it is, got none");
    const settings = await labellingOptions(data, given);
    if (given.export !== undefined) {
      const { exportLabels } = await import("../../label/export.js");
      const written = await exportLabels(settings, given.export, given.format);
      print(printableLine(`${counted(written.items)}, ${written.labelled} with a final answer, in ${given.export}`));
      return { ...written, file: given.export };
    }
    const { startLabelling } = await import("../../label/labelling.js");
    const { withoutPassword } = await import("../../store/store.js");
    await using labelling = await startLabelling({ ...settings, note: (message) => note(message, true) });
    note(`annotations are kept in ${withoutPassword(settings.store)}`);
    print(printableLine(`${counted(labelling.items)} to label at ${labelling.url}`));
    if (labelling.invitation !== undefined) print(printableLine(`sign up as the owner, once: ${labelling.invitation}`));
    await untilAborted(signal);
    return { url: labelling.url, items: labelling.items };
  },
});
