/**
 * @module Semantic roles with files: texts from a command line, pictures of predicates and their arguments, and their part of a report.
 */
import type { Dataset } from "../../../data/node.js";
import { labelledTextAt } from "../../../data/node.js";
import { card, paragraph } from "../../../report/page.js";
import { both } from "../../../report/words.js";
import type { LabelSpan } from "../../../util/tags.js";
import type { PicturedProposition } from "./picture.js";
import { rolesSvg } from "./picture.js";
import { viewOfRole } from "./role-view.js";
import type { ScoredSpan } from "./semantic-roles.js";
import { argumentRows, PREDICATE, RolesMeasurement, roleRows } from "./semantic-roles.js";
import type { JudgedRow } from "../tagging-report.js";
import { judgedRows, labelTable, lacking } from "../tagging-report.js";
import type { TaggingInfo } from "../tagging.js";
import { tokenOffsetsOf } from "../tagging.js";
import type { NodeTask, ReportSources, TaskReport } from "../../task-node.js";
import type { Answer } from "../../task.js";
import { readTaggingInputs } from "../tagging-inputs-node.js";
import type { TrainedModel } from "../../trained-model.js";

/** A span of a text in its role; a predicate's own is `V`. */
export interface Role {
  /** The predicate of the text that this belongs to, from 1. */
  readonly proposition: number;
  readonly predicate: string;
  readonly role: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** The second pass: arguments of the predicates that the first one found. */
async function rolesOf(
  model: TrainedModel,
  first: readonly Answer[],
  { examples }: { readonly examples: Dataset },
): Promise<Answer[]> {
  const texts = examples.texts("text").map((text) => text ?? "");
  const found = first.map((answer) => answer["spans"] as readonly ScoredSpan[]);
  const rows = found.flatMap((predicates, i) =>
    argumentRows(
      { text: texts[i] as string },
      i,
      predicates.map(({ start }) => start),
    ),
  );
  const answers = rows.length === 0 ? [] : await model.answers(roleRows(rows, model.info as TaggingInfo));
  let next = 0;
  return found.map((predicates, i): Answer => {
    const text = texts[i] as string;
    const offsets = tokenOffsetsOf({ text }, "words");
    const roles = predicates.flatMap((predicate, p) => {
      const spans = answers[next++]?.["spans"] as readonly ScoredSpan[];
      const inText = ({ start, end, label, score }: ScoredSpan): Role => {
        const [from, to] = [offsets[start]?.[0] ?? 0, offsets[end - 1]?.[1] ?? 0];
        const word = offsets[predicate.start] ?? [0, 0];
        return {
          proposition: p + 1,
          predicate: text.slice(...word),
          role: label,
          text: text.slice(from, to),
          start: from,
          end: to,
          score,
        };
      };
      return [inText(predicate), ...spans.map(inText)];
    });
    return { roles };
  });
}

function draw(model: TrainedModel, input: string, answer: Answer): Promise<Uint8Array> {
  const offsets = tokenOffsetsOf({ text: input }, "words");
  const wordAt = (place: number, from: boolean): number =>
    from ? offsets.findIndex(([start]) => start === place) : offsets.findIndex(([, end]) => end === place) + 1;
  const roles = answer["roles"] as readonly Role[];
  const propositions = [...new Set(roles.map(({ proposition }) => proposition))].map((which): PicturedProposition => {
    const spans = roles
      .filter(({ proposition }) => proposition === which)
      .map(({ start, end, role }) => ({ start: wordAt(start, true), end: wordAt(end, false), label: role }));
    return {
      predicate: spans.find(({ label }) => label === PREDICATE)?.start ?? -1,
      arguments: spans.filter(({ label }) => label !== PREDICATE),
    };
  });
  const words = offsets.map(([start, end]) => input.slice(start, end));
  return Promise.resolve(new TextEncoder().encode(rolesSvg(words, propositions, (model.info as TaggingInfo).labels)));
}

/** Propositions that are shown of each kind. */
const SHOWN = 8;

async function report(sources: ReportSources): Promise<TaskReport> {
  const { measurement, test, testRows, used } = sources;
  const primaryMetric = "f1";
  const { labels } = used.info as TaggingInfo;
  if (!(measurement instanceof RolesMeasurement) || testRows === undefined) return { primaryMetric };
  const [sentences, predicates] = [test.tensor("sentence").data, test.tensor("predicate").data];
  const marked = Uint32Array.from(Array.from({ length: test.length }, (_, i) => i).filter((i) => Number(predicates[i]) >= 0));
  const { worst, some } = await judgedRows({ ...sources, test: test.select(marked) }, SHOWN);
  const shown = ({ row, found, gold }: JudgedRow): string => {
    const at = marked[row] as number;
    const given = labelledTextAt(testRows, Number(sentences[at]));
    const words = tokenOffsetsOf(given, "words").map(([start, end]) => given.text.slice(start, end));
    const picture = (en: string, zh: string, spans: readonly LabelSpan[]): string =>
      `<p class="soft">${both({ en, zh })}</p>${rolesSvg(words, [{ predicate: Number(predicates[at]), arguments: spans }], labels)}`;
    const roles = found.filter(({ label }) => label !== PREDICATE);
    const isRight = lacking(roles, gold).length + lacking(gold, roles).length === 0;
    return card(
      isRight
        ? picture("found, and so it is", "结果与标注一致", roles)
        : picture("found", "结果", roles) + picture("true", "标注", gold),
    );
  };
  return {
    primaryMetric,
    sections: [
      {
        title: { en: "Role by role", zh: "逐角色" },
        html:
          paragraph(
            "Arguments of given predicates: an argument counts where its words and its role are right.",
            "谓词已给定；论元的范围与角色都正确才算对。",
          ) + labelTable(measurement.roles.report(), { en: "role", zh: "角色" }),
      },
      { title: { en: "Predicates from all over the test part", zh: "测试集中各处的谓词" }, html: some.map(shown).join("") },
      { title: { en: "Most mistakes", zh: "错误最多的谓词" }, html: worst.map(shown).join("") },
    ],
  };
}

export const semanticRolesNode: NodeTask = {
  readInputs: readTaggingInputs,
  view: viewOfRole,
  report,
  present: { answers: rolesOf, pictures: { format: "svg", draw } },
};
