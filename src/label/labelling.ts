/** @module A labelling as a whole: data, database, people, the model that learns, and the server. */
import { randomBytes } from "node:crypto";
import { listen, readTls } from "../http/listen-node.js";
import type { Listening, ListenOptions } from "../http/listen-node.js";
import { isLoopback, LOOPBACK_HOSTS } from "../http/origin.js";
import { openStore, withoutPassword } from "../store/store.js";
import { ConfigError } from "../util/errors.js";
import { Accounts } from "./accounts.js";
import { readItems } from "./items.js";
import type { ItemOptions, ReadItems } from "./items.js";
import type { LearnerData } from "./learner-thread.js";
import { Learner } from "./learner.js";
import { findProject, nameOf } from "./project-key.js";
import { Proposals } from "./proposals.js";
import { labelApp, plainAddress } from "./routes.js";
import { DATA_KINDS } from "./scheme.js";
import type { Scheme } from "./scheme.js";
import { Workspace } from "./workspace.js";

export interface LabellingOptions extends ItemOptions, ListenOptions {
  /** A file of texts, or a folder of images. */
  readonly data: string;
  readonly scheme: Scheme;
  /** The path of a SQLite file, or `postgres://…`. */
  readonly store: string;
  readonly instructions?: string;
  /** People who label each item. Default: as many as before, 1 in a new labelling. */
  readonly overlap?: number;
  /** People sign in, also on this machine alone. */
  readonly team?: boolean;
  /** The server stands behind one that speaks TLS. */
  readonly behindProxy?: boolean;
  /** Names besides the address that the server is reached by. */
  readonly allowedHosts?: readonly string[];
  /** Whether a model learns from the labels. Default: true for classes. */
  readonly learn?: boolean;
  /** A run, a checkpoint or an ONNX file whose answers are proposed. */
  readonly model?: string;
  readonly note?: (text: string) => void;
}

/** A labelling that runs. */
export interface Labelling extends AsyncDisposable {
  readonly url: string;
  /** The link that the first person of a team signs up with; undefined where there are people, or nobody signs in. */
  readonly invitation: string | undefined;
  readonly items: number;
}

/** Connections get so long to be answered when a labelling ends, in milliseconds. */
const GRACE_MS = 5000;

/** Refuses a server that strangers reach without what protects people's passwords. */
function checkExposure({ host, tls, behindProxy = false }: LabellingOptions): void {
  if (isLoopback(host) || tls !== undefined || behindProxy) return;
  throw new ConfigError(
    `--host ${host}: expected TLS beyond this machine, got none; give --tls-cert and --tls-key, or --behind-proxy if a proxy terminates TLS`,
  );
}

/** Opens the data and the database, and serves the page until the labelling is disposed. */
export async function startLabelling(options: LabellingOptions): Promise<Labelling> {
  checkExposure(options);
  // Before the data are read and a database is made.
  if (options.tls !== undefined) await readTls(options.tls);
  const { data, scheme, note = () => undefined } = options;
  const read = await readItems(data, DATA_KINDS[scheme.kind], options);
  if (read.left > 0) note(`${read.left} rows or files were left out`);
  const store = await openStore(options.store);
  let opened: Opened | undefined;
  try {
    const id = await findProject(store, options, read.items);
    const { instructions, overlap } = options;
    const workspace = await Workspace.open(store, { id, name: nameOf(data), scheme, instructions, overlap });
    const { added, had } = await workspace.expectItems(read.items);
    if (had > 0) {
      const [before, more] = [had === 1 ? "item" : `${had} items`, added === 1 ? "a new one" : `${added} new ones`];
      note(`goes on with the ${before} of ${withoutPassword(options.store)}${added > 0 ? `, and ${more}` : ""}`);
    }
    const { model } = options;
    const proposals =
      model === undefined ? undefined : await Proposals.start(workspace, { model, scheme, folder: read.folder }, note);
    opened = { workspace, read, proposals, learner: undefined };
    const settings = { note, proposes: proposals === undefined };
    if (learns(options)) opened = { ...opened, learner: new Learner(workspace, learnerData(options, id, read), settings) };
    return await serveLabelling(options, opened);
  } catch (error) {
    await endModels(opened);
    await store.close();
    throw error;
  }
}

async function endModels(opened: Pick<Opened, "learner" | "proposals"> | undefined): Promise<void> {
  await opened?.learner?.[Symbol.asyncDispose]();
  await opened?.proposals?.[Symbol.asyncDispose]();
}

const learns = ({ learn, scheme }: LabellingOptions): boolean =>
  learn ?? (scheme.kind === "text-classes" || scheme.kind === "image-classes");

interface Opened {
  readonly workspace: Workspace;
  readonly read: ReadItems;
  readonly learner: Learner | undefined;
  readonly proposals: Proposals | undefined;
}

/** The address that people are given: by the first name that the server has, where it has one. */
function addressFor({ allowedHosts = [], behindProxy = false }: LabellingOptions, { url, port }: Listening): string {
  const [name] = allowedHosts;
  if (name === undefined) return url;
  return behindProxy ? `https://${name}` : `${new URL(url).protocol}//${name}:${port}`;
}

async function serveLabelling(options: LabellingOptions, opened: Opened): Promise<Labelling> {
  const { note = () => undefined, tls, behindProxy = false } = options;
  const { workspace, read, learner } = opened;
  const accounts = new Accounts(workspace.store);
  const isAlone = isLoopback(options.host) && options.team !== true;
  const addresses = new WeakMap<Request, string>();
  const app = labelApp({
    workspace,
    accounts,
    rules: { hosts: [...LOOPBACK_HOSTS, options.host, ...(options.allowedHosts ?? [])] },
    alone: isAlone ? { person: await accounts.alone(), token: randomBytes(32).toString("base64url") } : undefined,
    folder: read.folder,
    learner,
    secure: tls !== undefined || behindProxy,
    addressOf: (request) => addresses.get(request) ?? "unknown",
    report: (error, id) => note(`request ${id}: ${(error as Error).message}`),
  });
  const server = await listen((request, address) => {
    addresses.set(request, plainAddress(address));
    return app.fetch(request);
  }, options);
  const people = await accounts.people();
  const invitation =
    isAlone || people.length > 0 ? undefined : `${addressFor(options, server)}/join#${await accounts.invite("owner")}`;
  return {
    url: server.url,
    invitation,
    items: read.items.length,
    async [Symbol.asyncDispose]() {
      await server.close(GRACE_MS);
      await endModels(opened);
      await workspace.store.close();
    },
  };
}

function learnerData({ scheme, store }: LabellingOptions, project: string, { items, folder }: ReadItems): LearnerData {
  const data = { scheme: { labels: scheme.labels, several: scheme.several }, store, project };
  return items[0]?.text === undefined
    ? { ...data, images: { folder, files: items.map(({ image }) => image?.file ?? "") } }
    : { ...data, texts: items.map(({ text = "" }) => text) };
}
