/** @module The server of `descent label` as strangers and colleagues meet it: who sees what, what is refused, what a kill leaves. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { startLabelling } from "../../src/label/labelling.js";
import type { LabellingOptions } from "../../src/label/labelling.js";
import type { Scheme } from "../../src/label/scheme.js";
import type { Item } from "../../src/label/workspace.js";
import { Random } from "../../src/util/random.js";
import { openStore } from "../../src/store/store.js";

const CLI = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const scheme: Scheme = { kind: "text-classes", labels: [{ name: "good" }, { name: "bad" }], several: false, overlap: "none" };

describe("the labelling server", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "descent-label-server-"));
    await writeFile(join(folder, "texts.txt"), Array.from({ length: 40 }, (_, i) => `text ${i}`).join("\n"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  let stores = 0;
  const started = (change: Partial<LabellingOptions> = {}) =>
    startLabelling({
      data: join(folder, "texts.txt"),
      scheme,
      store: join(folder, `store-${stores++}.db`),
      host: "127.0.0.1",
      port: 0,
      learn: false,
      ...change,
    });

  /** Somebody with a browser: his cookie and his token. */
  class Visitor {
    cookie = "";
    token = "";
    readonly #url: string;
    constructor(url: string) {
      this.#url = url;
    }
    async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const response = await fetch(this.#url + path, {
        method,
        headers: { cookie: this.cookie, "x-descent-token": this.token, "content-type": "application/json", ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const cookie = response.headers.get("set-cookie");
      if (cookie !== null) this.cookie = cookie.split(";", 1)[0] ?? "";
      const text = await response.text();
      const json = (text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : undefined) as
        | Record<string, unknown>
        | undefined;
      if (typeof json?.["token"] === "string") this.token = json["token"];
      return { status: response.status, json, headers: response.headers, cookie };
    }
    async join(invitation: string, name: string): Promise<void> {
      const [, secret] = invitation.split("#");
      const { status } = await this.ask("POST", "/api/accept", { secret, name, password: "a long enough password" });
      assert.equal(status, 200);
    }
    async next(): Promise<Item | undefined> {
      const items = (await this.ask("GET", "/api/next")).json?.["items"] as Item[] | undefined;
      return items?.[0];
    }
    answer(position: number, label: string, revision = 0) {
      const submission = { action: randomUUID(), value: { classes: [label] }, state: "submitted", seconds: 1, revision };
      return this.ask("PUT", `/api/items/${position}/annotation`, submission);
    }
  }

  test("without a sign-in there is the sign-in page, and nothing else", async () => {
    await using labelling = await started({ team: true });
    const stranger = new Visitor(labelling.url);
    const { json } = await stranger.ask("GET", "/api/me");
    assert.deepEqual(json, { team: true });
    for (const [method, path] of [
      ["GET", "/api/next"],
      ["GET", "/api/items"],
      ["GET", "/api/items/0"],
      ["GET", "/api/items/0/image"],
      ["GET", "/api/progress"],
      ["GET", "/api/agreement"],
      ["GET", "/api/model"],
      ["POST", "/api/undo"],
      ["POST", "/api/invite"],
      ["PUT", "/api/items/0/annotation"],
      ["PUT", "/api/items/0/decision"],
      ["PUT", "/api/items/0/gold"],
    ] as const)
      // prettier-ignore
      assert.equal((await stranger.ask(method, path, method === "GET" ? undefined : {})).status, 401, `${method} ${path}`);
    const page = await stranger.ask("GET", "/items");
    assert.match(page.headers.get("content-security-policy") ?? "", /script-src 'self'; .*frame-ancestors 'none'/);
    assert.equal(page.headers.get("x-frame-options"), "DENY");
    for (const path of ["/assets/../../../package.json", "/assets/..%2f..%2fpackage.json", "/assets/%2e%2e/index.html"])
      assert.ok(!JSON.stringify(await (await fetch(labelling.url + path)).text()).includes("descentjs"), path);
  });

  test("the invitation has the name that people reach the server by", async () => {
    const invitation = async (change: Partial<LabellingOptions>): Promise<string> => {
      await using labelling = await started({ team: true, ...change });
      return (labelling.invitation ?? "").replace(labelling.url, "URL").replace(/#[\w-]{20,}$/, "#…");
    };
    assert.equal(await invitation({}), "URL/join#…");
    assert.equal(await invitation({ behindProxy: true, allowedHosts: ["labels.example"] }), "https://labels.example/join#…");
    assert.match(await invitation({ allowedHosts: ["labels.example"] }), /^http:\/\/labels\.example:\d+\/join#…$/);
  });

  test("another's items can be neither read nor written, and an annotator reviews nothing", async () => {
    await using labelling = await started({ team: true });
    const [owner, ann, bob] = [new Visitor(labelling.url), new Visitor(labelling.url), new Visitor(labelling.url)];
    await owner.join(labelling.invitation ?? "", "Owner");
    const invited = async (): Promise<string> =>
      `#${String((await owner.ask("POST", "/api/invite", { role: "annotator" })).json?.["secret"])}`;
    await ann.join(await invited(), "Ann");
    await bob.join(await invited(), "Bob");
    const next = async (who: Visitor): Promise<Item> => (await who.next()) as Item;
    const [annItem, bobItem] = [await next(ann), await next(bob)];
    assert.notEqual(annItem.position, bobItem.position);
    assert.equal((await ann.ask("GET", `/api/items/${bobItem.position}`)).status, 404);
    assert.equal((await ann.answer(bobItem.position, "good")).status, 404);
    assert.equal((await ann.answer(annItem.position, "good")).status, 200);
    assert.equal((await bob.ask("GET", `/api/items/${annItem.position}`)).status, 404);
    for (const [method, path] of [
      ["GET", "/api/items"],
      ["GET", "/api/agreement"],
      ["PUT", `/api/items/${annItem.position}/decision`],
    ] as const)
      assert.equal((await ann.ask(method, path, method === "GET" ? undefined : { value: { classes: ["good"] } })).status, 403);
    const seen = (await ann.ask("GET", "/api/progress")).json?.["people"] as { name: string }[];
    assert.deepEqual(
      seen.map(({ name }) => name),
      ["Ann"],
    );
    const [secret] = [(await invited()).slice(1)];
    assert.equal((await ann.ask("POST", "/api/invite", { role: "owner" })).status, 403);
    await new Visitor(labelling.url).join(`#${secret}`, "Cho");
    assert.equal(
      (await new Visitor(labelling.url).ask("POST", "/api/accept", { secret, name: "Dee", password: "a long enough password" }))
        .status,
      400,
    );
  });

  test("another site's page changes nothing: wrong Origin, wrong Host, no token", async () => {
    await using labelling = await started();
    const me = new Visitor(labelling.url);
    await me.ask("GET", "/api/me");
    assert.equal((await me.ask("GET", "/api/me", undefined, { origin: "https://evil.example" })).status, 403);
    assert.equal((await me.ask("POST", "/api/undo", {}, { "x-descent-token": "guess" })).status, 403);
    const { status } = await new Promise<{ status: number }>((resolve, reject) => {
      const { port } = new URL(labelling.url);
      void import("node:http").then(({ get }) =>
        get({ port, host: "127.0.0.1", path: "/api/me", headers: { host: "evil.example" } }, (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0 });
        }).on("error", reject),
      );
    });
    assert.equal(status, 421);
  });

  test("the cookie is for HTTP and this site alone; twenty attempts lock, and say for how long", async () => {
    await using labelling = await started({ team: true, behindProxy: true });
    const owner = new Visitor(labelling.url);
    const [, secret] = (labelling.invitation ?? "").split("#");
    const { cookie } = await owner.ask("POST", "/api/accept", { secret, name: "Owner", password: "a long enough password" });
    assert.match(cookie ?? "", /HttpOnly/i);
    assert.match(cookie ?? "", /SameSite=Strict/i);
    assert.match(cookie ?? "", /Secure/i);
    const guesser = new Visitor(labelling.url);
    const results = [];
    for (let i = 0; i < 20; i++)
      results.push(await guesser.ask("POST", "/api/sign-in", { name: "Owner", password: `guess ${i}` }));
    assert.deepEqual(
      results.map(({ status }) => status),
      [...Array<number>(10).fill(400), ...Array<number>(10).fill(429)],
    );
    assert.ok(Number(results.at(-1)?.headers.get("retry-after")) > 600);
  });

  test("a page beyond this machine needs TLS, a link out of the folder is no item, other data is refused", async () => {
    await assert.rejects(started({ host: "0.0.0.0" }), /expected TLS beyond this machine/);
    const pictures = join(folder, "pictures");
    await mkdir(pictures);
    const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    await writeFile(join(pictures, "a.png"), png);
    await writeFile(join(folder, "secret.png"), png);
    await symlink(join(folder, "secret.png"), join(pictures, "b.png"));
    const images = { data: pictures, scheme: { ...scheme, kind: "image-classes" as const } };
    await assert.rejects(started(images), /b\.png: expected a file of the folder, got a link out of it/);
    await using labelling = await started({ ...images, skipBadRows: true });
    assert.equal(labelling.items, 1);
    const store = join(folder, "kept.db");
    await (await started({ store }))[Symbol.asyncDispose]();
    await writeFile(join(folder, "fewer.txt"), "other\n");
    await assert.rejects(
      started({ store, scheme: { ...scheme, labels: [{ name: "x" }] } }),
      /expected the kind and labels that the project began with/,
    );
  });

  test("names and texts that look like HTML are text", async () => {
    const data = join(folder, "html.txt");
    await writeFile(data, '<img src=x onerror="globalThis.pwned=1">\n<script>1</script>\n');
    await using labelling = await started({ data });
    const { json, headers } = await new Visitor(labelling.url).ask("GET", "/api/next");
    assert.match(headers.get("content-type") ?? "", /^application\/json/);
    const items = (json?.["items"] ?? []) as Item[];
    assert.equal(items[0]?.payload.text, '<img src=x onerror="globalThis.pwned=1">');
  });

  test("a kill loses nothing that was reported as stored", async () => {
    // DESCENT_LABEL_KILLS=100 is the long form.
    const rounds = Number(process.env["DESCENT_LABEL_KILLS"] ?? 3);
    const data = join(folder, "many.txt");
    await writeFile(data, Array.from({ length: 40 * rounds }, (_, i) => `text ${i}`).join("\n"));
    const store = join(folder, "killed.db");
    const random = new Random(1, "kills");
    const stored: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const child = spawn(process.execPath, [
        CLI,
        "label",
        data,
        "--labels",
        "good,bad",
        "--no-learn",
        "--store",
        store,
        "--port",
        "0",
      ]);
      const [chunk] = (await once(child.stdout, "data")) as [Buffer];
      const url = /http:\/\/\S+/.exec(chunk.toString())?.[0] ?? "";
      const me = new Visitor(url);
      await me.ask("GET", "/api/me");
      const ended = once(child, "exit");
      setTimeout(() => child.kill("SIGKILL"), random.uniform(10, 200));
      try {
        for (let i = 0; i < 40; i++) {
          const item = await me.next();
          if (item === undefined) break;
          const { status } = await me.answer(item.position, "good");
          if (status === 200) stored.push(item.position);
        }
      } catch {
        // The server was killed.
      }
      await ended;
    }
    await using database = await openStore(store);
    const rows = await database.db.selectFrom("annotation").select("position").execute();
    const kept = new Set(rows.map(({ position }) => position));
    assert.deepEqual(
      stored.filter((position) => !kept.has(position)),
      [],
    );
    assert.ok(kept.size <= stored.length + rounds);
  });
});
