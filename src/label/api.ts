/**
 * @module Messages between the page and the server of a labelling: bodies of requests as schemas, answers as types. The page imports
 * the types.
 */
import { z } from "zod";
import { submissionSchema } from "./answers.js";
import type { Person } from "./accounts.js";
import type { Annotation, Item } from "./workspace.js";
import type { Scheme, Value } from "./scheme.js";
import { valueSchema } from "./scheme.js";

const password = z.string().max(1000);

export const signInBody = z.strictObject({ name: z.string().max(100), password });
export const acceptBody = z.strictObject({ secret: z.string().max(200), name: z.string().max(100), password });
export const invitationBody = z.strictObject({ secret: z.string().max(200) });
export const inviteBody = z.strictObject({ role: z.enum(["owner", "adjudicator", "annotator"]) });
export const answerBody = submissionSchema;
export const decisionBody = z.strictObject({ value: valueSchema });
export const goldBody = z.strictObject({ value: valueSchema.nullable() });

/** `GET /api/me`. */
export interface Me {
  /** Undefined where nobody is signed in. */
  readonly person: Person | undefined;
  /** Sent with every change, as `x-descent-token`. */
  readonly token: string | undefined;
  /** Only for those who are signed in. */
  readonly project:
    | {
        readonly name: string;
        readonly scheme: Scheme;
        readonly instructions: string;
        readonly items: number;
        readonly overlap: number;
        /** Whether a model learns from the labels and orders the items. */
        readonly learns: boolean;
      }
    | undefined;
  /** Whether there are people who sign in. */
  readonly team: boolean;
}

/** `GET /api/next`: the items to label now. */
export interface Next {
  readonly items: readonly Item[];
}

/** `PUT /api/items/N/annotation`, `POST /api/undo`. */
export interface Answered {
  readonly position: number;
  readonly annotation: Annotation | undefined;
}

/** `GET /api/model`: what the model has learned so far. */
export interface ModelState {
  readonly labels: number;
  readonly trainedOn: number;
  /** Share of its answers that people then gave, over the last 50 items that it had answered before. */
  readonly agreement: number | undefined;
  readonly seconds: number | undefined;
}

/** The body of a failed request. */
export interface Failed {
  readonly error: string;
  readonly code: string;
}

export type { Annotation, Item, Person, Scheme, Value };
export type { Agreement } from "./team-agreement.js";
export type { Progress, ReviewedItem } from "./review.js";
export type { Prediction } from "./workspace.js";
export type { Kind, LabelledSpan, Payload } from "./scheme.js";
export type { Submission } from "./answers.js";
