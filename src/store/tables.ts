/**
 * @module The tables of an annotation database, one interface each. Times are texts of ISO 8601 in UTC, which sort as they are;
 * structured values are JSON texts.
 */
import type { Generated } from "kysely";

/** One labelling of one set of data. */
export interface ProjectTable {
  readonly id: string;
  readonly name: string;
  /** A `Scheme`. */
  readonly scheme: string;
  instructions: string;
  /** People who label each item. */
  overlap: number;
  readonly created_at: string;
}

/** One example to label. */
export interface ItemTable {
  readonly project: string;
  /** Place in the data, from 0. */
  readonly position: number;
  /** A `Payload`: the text, or the file of an image. */
  readonly payload: string;
  /** The known answer of an item that people are checked against. */
  gold: string | null;
  /** Annotations that count towards the overlap. */
  done: number;
  /** 1 while annotations are missing; items are looked for by (open, priority). */
  open: number;
  /** The gain for the model from labelling the item; 0 where nothing is known. */
  priority: number;
}

/** A person's answer to an item. */
export interface AnnotationTable {
  readonly project: string;
  readonly position: number;
  readonly person: string;
  value: string;
  state: "submitted" | "skipped";
  /** Time that the person looked at it. */
  seconds: number;
  /** Counts changes from 1: a change that was made to another revision is refused. */
  revision: number;
  updated_at: string;
}

/** Actions of people in their order: undone by going back. */
export interface ActionTable {
  readonly sequence: Generated<number>;
  /** Chosen by the page, so that what is sent twice is stored once. */
  readonly id: string;
  readonly project: string;
  readonly position: number;
  readonly person: string;
  /** The annotation before: JSON, or null where there was none. */
  readonly before: string | null;
  readonly after: string | null;
  undone: number;
  readonly at: string;
}

/** An adjudicator's final answer. */
export interface DecisionTable {
  readonly project: string;
  readonly position: number;
  person: string;
  value: string;
  at: string;
}

/** An item that somebody has before him, so that nobody else gets it beyond the overlap. */
export interface ReservationTable {
  readonly project: string;
  readonly position: number;
  readonly person: string;
  until: string;
}

/** A model's answer to an item, with its reasons. */
export interface PredictionTable {
  readonly project: string;
  readonly position: number;
  value: string;
  confidence: number;
  /** A model's name, and the number of labels that it learned from. */
  source: string;
  /** JSON, or null. */
  explanation: string | null;
}

export type Role = "owner" | "adjudicator" | "annotator";

export interface PersonTable {
  readonly id: string;
  readonly name: string;
  role: Role;
  /** `scrypt` with its cost, salt and key; null for the one person of a loopback server. */
  password: string | null;
  readonly created_at: string;
}

/** An invitation that works once; only the hash of its secret is kept. */
export interface InvitationTable {
  readonly hash: string;
  readonly role: Role;
  readonly expires_at: string;
  used_by: string | null;
}

/** Someone who is signed in; only the hash of the cookie is kept. */
export interface SignInTable {
  readonly hash: string;
  readonly person: string;
  /** The token that state-changing calls send beside the cookie. */
  readonly token: string;
  readonly expires_at: string;
}

/** Failed sign-ins by name and by address. */
export interface AttemptTable {
  readonly key: string;
  failures: number;
  since: string;
}

/** All tables. */
export interface Tables {
  readonly project: ProjectTable;
  readonly item: ItemTable;
  readonly annotation: AnnotationTable;
  readonly action: ActionTable;
  readonly decision: DecisionTable;
  readonly reservation: ReservationTable;
  readonly prediction: PredictionTable;
  readonly person: PersonTable;
  readonly invitation: InvitationTable;
  readonly sign_in: SignInTable;
  readonly attempt: AttemptTable;
}
