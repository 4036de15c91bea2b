/** @module `descent help [VERB [TASK]]`. */
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { overallHelp, verbHelp } from "../help.js";
import { GLOBAL_OPTIONS } from "../command.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  positionals: [
    { name: "VERB", help: "the verb to show help for; all are listed if left out", optional: true },
    { name: "TASK", help: "for verbs that take a task: help for that task", optional: true },
  ],
  options: {},
  examples: ["descent help train", "descent help train image-classification"],
  async run({ positionals: [name, ...rest], verbs, print }) {
    if (name === undefined) {
      print(overallHelp(verbs, GLOBAL_OPTIONS));
      return { verbs: verbs.map(({ name, summary }) => ({ name, summary })) };
    }
    const row = verbs.find((candidate) => candidate.name === name);
    if (row === undefined)
      throw new ConfigError(
        `help: ${unknownName(
          "verb",
          name,
          verbs.map((candidate) => candidate.name),
        )}`,
      );
    const { verb } = await row.load();
    print(await verbHelp(row, verb, GLOBAL_OPTIONS, rest));
    return { name: row.name, summary: row.summary, options: Object.keys(verb.options) };
  },
});
