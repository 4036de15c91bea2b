/**
 * @module A likeness as explanations ask about it: of an image to another one, or to one that is enrolled.
 */
import { basename } from "node:path";
import type { PixelImage } from "../../../charts/image.js";
import { exists } from "../../../util/regular-file-node.js";
import { ConfigError } from "../../../util/errors.js";
import { unknownName } from "../../../util/nearest.js";
import { picturesOf } from "../pictures-node.js";
import type { Asked } from "../../task.js";
import type { ScoreQuestion, ViewOf } from "../../task-node.js";
import type { TrainedModel } from "../../trained-model.js";
import { embeddingsOf } from "./enroll-node.js";
import { galleryOf, namesIn, nearestEntries, readGallery } from "./gallery-node.js";
import type { RecognitionInfo } from "./image-recognition.js";

/**
 * The embedding to be like: of the image, or of the enrolled one of that name, that `--against` names; left out, the nearest in the gallery.
 *
 * Errors: ConfigError for a name that is not enrolled, and where neither an image nor a gallery is given.
 */
async function likeOf(
  model: TrainedModel,
  own: readonly number[],
  { run, against, gallery = galleryOf(run) }: ScoreQuestion,
): Promise<NonNullable<Asked["like"]>> {
  if (against !== undefined && (await exists(against))) {
    const [embedding] = await embeddingsOf(model, [against]);
    return { name: basename(against), embedding: embedding as Float32Array };
  }
  if (!(await exists(gallery)))
    throw new ConfigError(
      against === undefined
        ? `--against: expected an image to compare with, got none, and no gallery at ${gallery}`
        : `--against: expected an image file, or a name of the gallery ${gallery}, got ${against}; there is neither`,
    );
  const all = await readGallery(gallery, model);
  const entries = against === undefined ? all.entries : all.entries.filter(({ name }) => name === against);
  if (against !== undefined && entries.length === 0)
    throw new ConfigError(`--against: ${unknownName("name", against, namesIn(all))}`);
  const [nearest] = nearestEntries({ ...all, entries }, [own]);
  const { name = "", embedding = new Float32Array(own.length) } = nearest ?? {};
  return { name, embedding };
}

/** An image as the model is given it, and what its likeness is to. */
export const viewOfLikeness: ViewOf = async (model, { examples }, row, name, question) => {
  if (question.target !== undefined)
    throw new ConfigError(`--target: expected no label, since a similarity is explained; name an image: --against FILE`);
  const info = model.info as RecognitionInfo;
  const [answer] = await model.answers(examples.select([row]));
  const pictures = await picturesOf(info, model.task, examples, [row]);
  return {
    name: basename(name),
    input: { kind: "image", image: pictures.get(row) as PixelImage },
    asked: { like: await likeOf(model, answer?.["embedding"] as readonly number[], question) },
  };
};
