/** @module `descent enroll RUN INPUT…`. */
import { ConfigError } from "../../util/errors.js";
import { counted, formatTable } from "../../util/text.js";
import { text } from "../../util/option.js";
import { deviceOptions } from "../../tasks/options.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  positionals: [
    { name: "RUN", help: "a run of image-recognition" },
    {
      name: "INPUT",
      help: "images or folders of images, named by --name or else by their folder; if left out, the enrolled names are listed",
      optional: true,
      many: true,
    },
  ],
  options: {
    name: text({ help: "name of the images", metavar: "NAME", short: "n" }),
    gallery: text({ help: "the file of enrolled images", metavar: "FILE", short: "g", defaultText: "RUN/gallery.safetensors" }),
    remove: text({ help: "remove all images of this name", metavar: "NAME" }),
    ...deviceOptions,
  },
  examples: [
    "descent enroll runs/people people/",
    "descent enroll runs/people anna-1.jpg anna-2.jpg --name Anna",
    "descent enroll runs/people --remove Anna",
  ],
  engine: true,
  async run({ positionals: [run = "", ...inputs], options, print, note }) {
    if (options.name !== undefined && inputs.length === 0)
      throw new ConfigError(`enroll: expected images for --name ${options.name}, got none`);
    const { TrainedModel } = await import("../../tasks/use/trained-node.js");
    const galleries = await import("../../tasks/images/image-recognition/gallery-node.js");
    const { imagesToEnroll, embeddingsOf } = await import("../../tasks/images/image-recognition/enroll-node.js");
    const opened = await TrainedModel.open(run, { device: options.device, threads: options.threads });
    await using model = opened.model;
    if (model.task.name !== "image-recognition")
      throw new ConfigError(`enroll ${run}: expected a run of image-recognition, got one of ${model.task.name}`);
    const path = options.gallery ?? galleries.galleryOf(run);
    let gallery = await galleries.readOrCreateGallery(path, model);
    if (options.remove !== undefined) gallery = galleries.withoutName(gallery, options.remove);
    if (inputs.length > 0) {
      const images = await imagesToEnroll(inputs, options.name);
      const embeddings = await embeddingsOf(
        model,
        images.map(({ source }) => source),
      );
      gallery = galleries.enrolled(
        gallery,
        images.map((image, i) => ({ ...image, embedding: embeddings[i] as Float32Array })),
      );
    }
    if (inputs.length > 0 || options.remove !== undefined) await galleries.writeGallery(path, gallery);
    const names = galleries.namesIn(gallery).map((name) => ({
      name,
      images: gallery.entries.filter((entry) => entry.name === name).length,
    }));
    print(
      formatTable(
        ["name", "images"],
        names.map(({ name, images }) => [name, String(images)]),
      ),
    );
    note(`${counted(gallery.entries.length, "image")} of ${counted(names.length, "name")} in ${path}`);
    return { run, gallery: path, names };
  },
});
