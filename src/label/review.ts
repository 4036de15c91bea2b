/**
 * @module A project as a whole: how far it is, what was answered item by item, and the final answers.
 */
import type { Role } from "../store/tables.js";
import { sameValue } from "./same-value.js";
import { payloadSchema, valueSchema } from "./scheme.js";
import type { Payload, Value } from "./scheme.js";
import { annotationOf } from "./workspace.js";
import type { Annotation, Workspace } from "./workspace.js";

/** The progress of a project. */
export interface Progress {
  readonly items: number;
  /** Items with as many answers as the project asks for. */
  readonly finished: number;
  readonly people: readonly {
    readonly id: string;
    readonly name: string;
    readonly role: Role;
    readonly submitted: number;
    readonly skipped: number;
    /** Mean time of a submitted item. */
    readonly seconds: number;
    /** Items with a known answer: how many the person answered, and how many as is known. */
    readonly gold: { readonly answered: number; readonly right: number };
  }[];
}

/** An item with everything that was said about it. */
export interface ReviewedItem {
  readonly position: number;
  readonly payload: Payload;
  readonly annotations: readonly Annotation[];
  readonly gold: Value | undefined;
  readonly decision: Value | undefined;
  /** Whether two submitted answers differ. */
  readonly disputed: boolean;
}

/** Counts how far a project and its people are. */
export async function progress({ db, project }: Workspace): Promise<Progress> {
  // Positions have no gaps, and of what is no longer open there is less to count.
  const { last } = await db
    .selectFrom("item")
    .select(({ fn }) => fn.max<number | null>("position").as("last"))
    .where("project", "=", project.id)
    .executeTakeFirstOrThrow();
  const { finished } = await db
    .selectFrom("item")
    .select(({ fn }) => fn.countAll<number | string>().as("finished"))
    .where((eb) => eb.and({ project: project.id, open: 0 }))
    .executeTakeFirstOrThrow();
  const people = await db.selectFrom("person").select(["id", "name", "role"]).orderBy("created_at").execute();
  const counts = await db
    .selectFrom("annotation")
    .select(({ fn }) => ["person", "state", fn.countAll<number | string>().as("count"), fn.avg("seconds").as("seconds")])
    .where("project", "=", project.id)
    .groupBy(["person", "state"])
    .execute();
  const checked = await db
    .selectFrom("item")
    .innerJoin("annotation", (join) =>
      join.onRef("item.project", "=", "annotation.project").onRef("item.position", "=", "annotation.position"),
    )
    .select(["annotation.person", "annotation.value", "item.gold"])
    .where("item.project", "=", project.id)
    .where("item.gold", "is not", null)
    .where("annotation.state", "=", "submitted")
    .execute();
  const isRight = ({ value, gold }: (typeof checked)[number]): boolean =>
    sameValue(valueSchema.parse(JSON.parse(value)), valueSchema.parse(JSON.parse(gold as string)));
  return {
    items: (last ?? -1) + 1,
    finished: Number(finished),
    people: people.map(({ id, name, role }) => {
      const of = (wanted: "submitted" | "skipped") => counts.find(({ person, state }) => person === id && state === wanted);
      const own = checked.filter(({ person }) => person === id);
      return {
        id,
        name,
        role,
        submitted: Number(of("submitted")?.count ?? 0),
        skipped: Number(of("skipped")?.count ?? 0),
        seconds: Number(of("submitted")?.seconds ?? 0),
        gold: { answered: own.length, right: own.filter(isRight).length },
      };
    }),
  };
}

/** Items that are reviewed: all, those that several people answered, or those of them where two answers differ. */
export type Reviewed = "all" | "answered-twice" | "disputed";

/** Items `from` … `from + count − 1` of those that are reviewed, with all answers. */
export async function reviewItems(
  { db, project }: Workspace,
  { from, count, which = "all" }: { readonly from: number; readonly count: number; readonly which?: Reviewed },
): Promise<ReviewedItem[]> {
  // Who disagrees is found by reading: values that are equal may be written in another order.
  const rows = await db
    .selectFrom("item")
    .leftJoin("decision", (join) =>
      join.onRef("decision.project", "=", "item.project").onRef("decision.position", "=", "item.position"),
    )
    .select(["item.position", "item.payload", "item.gold", "decision.value as decision"])
    .where("item.project", "=", project.id)
    // Positions have no gaps: an offset would be read through.
    .$if(which === "all", (query) => query.where("item.position", ">=", from).where("item.position", "<", from + count))
    .$if(which !== "all", (query) => query.where("item.done", ">", 1))
    .orderBy("item.position")
    .execute();
  const positions = rows.map(({ position }) => position);
  const annotations = new Map<number, Annotation[]>(positions.map((position) => [position, []]));
  for (let first = 0; first < positions.length; first += 500) {
    const found = await db
      .selectFrom("annotation")
      .selectAll()
      .where("project", "=", project.id)
      .where("position", "in", positions.slice(first, first + 500))
      .orderBy("person")
      .execute();
    for (const row of found) annotations.get(row.position)?.push(annotationOf(row));
  }
  const all = rows.map(({ position, payload, gold, decision }): ReviewedItem => {
    const own = annotations.get(position) ?? [];
    const submitted = own.filter(({ state }) => state === "submitted");
    return {
      position,
      payload: payloadSchema.parse(JSON.parse(payload)),
      annotations: own,
      gold: gold === null ? undefined : valueSchema.parse(JSON.parse(gold)),
      decision: decision === null ? undefined : valueSchema.parse(JSON.parse(decision)),
      disputed: submitted.some(({ value }) => !sameValue(value, (submitted[0] as Annotation).value)),
    };
  });
  if (which === "all") return all;
  return (which === "disputed" ? all.filter((item) => item.disputed) : all).slice(from, from + count);
}

/**
 * The final answer of each item: the adjudicator's, otherwise the known one, otherwise the one that most people gave; undefined where
 * nobody answered, or as many people answered one way as another.
 */
export function finalValue({ annotations, gold, decision }: ReviewedItem): Value | undefined {
  if (decision !== undefined) return decision;
  if (gold !== undefined) return gold;
  const counts: { readonly value: Value; count: number }[] = [];
  for (const { value, state } of annotations) {
    if (state !== "submitted") continue;
    const same = counts.find((one) => sameValue(one.value, value));
    if (same === undefined) counts.push({ value, count: 1 });
    else same.count++;
  }
  const [first, second] = counts.sort((a, b) => b.count - a.count);
  return first !== undefined && first.count !== second?.count ? first.value : undefined;
}
