/** @module `descent data convert SOURCE`: labels from the format of one tool into another's. */
import { LABEL_FORMAT_NAMES } from "../../../label/formats/names.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import { choice, text } from "../../../util/option.js";
import { formatInteger } from "../../../util/text.js";
import { defineVerb } from "../../verb.js";

const KINDS = ["text-classes", "spans", "frames", "image-classes", "boxes", "polygons"] as const;

export const verb = defineVerb({
  positionals: [{ name: "SOURCE", help: "a file of labels, or a folder of such files" }],
  options: {
    kind: choice(KINDS, { help: "what is labelled" }),
    from: choice(LABEL_FORMAT_NAMES, {
      help: "the format of the source; descent is what descent label exports",
      defaultText: "descent",
    }),
    to: choice(LABEL_FORMAT_NAMES, { help: "the format to write" }),
    images: text({
      help: "the folder of the images, for formats that do not say their sizes (descent, yolo)",
      metavar: "FOLDER",
    }),
    out: text({ help: "the folder to make", metavar: "FOLDER" }),
  },
  examples: [
    "descent data convert labelled.jsonl --kind spans --to label-studio --out for-label-studio",
    "descent data convert annotations.xml --kind boxes --from cvat --to coco --out coco",
  ],
  async run({ positionals: [source = ""], options: { kind, from, to, images, out }, print, note }) {
    if (kind === undefined || to === undefined || out === undefined)
      throw new ConfigError(
        `data convert: expected --kind, --to and --out, got no ${kind === undefined ? "--kind" : to === undefined ? "--to" : "--out"}`,
      );
    const { convertLabels } = await import("../../../label/formats/convert-node.js");
    const written = await convertLabels(source, { kind, from: from ?? "descent", to, out, images, note }).catch(
      (cause: unknown) => {
        if (from !== undefined || !(cause instanceof DataError)) throw cause;
        throw new DataError(`${cause.message}; --from names another format than descent's own`, { cause });
      },
    );
    const count = (n: number, what: string): string => `${formatInteger(n)} ${what}${n === 1 ? "" : "s"}`;
    print(`${out}: ${count(written.items, "item")}, ${count(written.files.length, "file")}`);
    return { ...written, out };
  },
});
