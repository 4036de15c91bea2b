/**
 * @module The thread in which a rank notices that another one has died: each is connected to rank 0, and a connection that ends without a word
 * is a process that did. It speaks for itself, since its process may stand in a call of MPI that never returns.
 */
import { readFileSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { FromWatch, ToWatch, WatchData } from "./watch.js";

/** Time in which the line that was said goes its way, before this process ends, too. */
const FAREWELL_MS = 500;
const CONNECT_MS = 3000;
const STANDARD_ERROR = 2;

const port = parentPort as NonNullable<typeof parentPort>;
const { rank } = workerData as WatchData;
/** Connections by rank: on rank 0 to all others, elsewhere to rank 0. */
const peers = new Map<number, Socket>();
let names: readonly string[] = [];
let run: string | undefined;
/** The host that has the run, where this one has not. */
let host: string | undefined;
let isOver = false;
let token = "";

const tell = (message: FromWatch): void => port.postMessage(message);

/** The rest of the run. */
function remains(): string {
  if (run === undefined) return "";
  if (host !== undefined) return `; descent train --resume ${run} on ${host} goes on from the last checkpoint there`;
  try {
    const last = readFileSync(join(run, "checkpoints", "last"), "utf8").trim();
    return `; the last checkpoint is ${last.replace("-", " ")}: descent train --resume ${run} goes on from there`;
  } catch {
    return "; there is no checkpoint yet";
  }
}

/** A rank is gone: the first that knows says so, and nobody stays. */
function died(dead: number, isHeard: boolean): void {
  if (isOver) return;
  isOver = true;
  if (isHeard) writeSync(STANDARD_ERROR, `descent: ${names[dead] ?? `rank ${dead}`} ended without a word${remains()}\n`);
  for (const socket of peers.values()) socket.write("dead\n");
  setTimeout(() => process.kill(process.pid, "SIGKILL"), FAREWELL_MS);
}

/** Follows one connection, whose lines are `bye` before an end that is meant and `dead` where another rank has ended. */
function follow(socket: Socket, peer: number): void {
  peers.set(peer, socket);
  let isMeant = false;
  socket.on("data", (chunk) => {
    const text = chunk.toString();
    if (text.includes("bye")) isMeant = true;
    if (text.includes("dead")) died(peer, false);
  });
  // Of the others only rank 1 speaks when rank 0 is gone.
  socket.on("close", () => {
    peers.delete(peer);
    if (!isMeant) died(peer, rank === 0 || rank === 1);
  });
}

/** Listens for the other ranks; a stranger who does not know the token is sent away. */
function listen(): void {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (chunk) => {
      const [given, from] = chunk.toString().trim().split(" ");
      if (given !== token || !/^\d+$/.test(from ?? "")) socket.destroy();
      else {
        follow(socket, Number(from));
        socket.write("welcome\n");
      }
    });
  });
  server.on("error", () => tell({ kind: "listening", port: 0 }));
  server.listen(0, () => {
    const address = server.address();
    tell({ kind: "listening", port: typeof address === "object" && address !== null ? address.port : 0 });
  });
}

/** Connects to the first of rank 0's addresses that answers. */
function reach(addresses: readonly string[], at: number): void {
  const [address, ...others] = addresses;
  if (address === undefined || at === 0) {
    tell({ kind: "connected", isConnected: false });
    return;
  }
  const socket = connect({ host: address, port: at });
  const next = (): void => {
    socket.removeAllListeners();
    socket.on("error", () => undefined);
    socket.destroy();
    reach(others, at);
  };
  socket.setTimeout(CONNECT_MS, next);
  socket.once("error", next);
  socket.once("connect", () => socket.write(`${token} ${rank}\n`));
  socket.once("data", () => {
    socket.setTimeout(0);
    socket.removeAllListeners();
    socket.on("error", () => socket.destroy());
    follow(socket, 0);
    tell({ kind: "connected", isConnected: true });
  });
}

port.on("message", (message: ToWatch) => {
  if (message.kind === "listen") {
    token = message.token;
    listen();
  } else if (message.kind === "connect") {
    token = message.token;
    reach(message.addresses, message.port);
  } else if (message.kind === "names") names = message.names;
  else if (message.kind === "run") ({ run, host } = message);
  else {
    isOver = true;
    for (const socket of peers.values()) socket.end("bye\n");
    // Until the others have read it.
    setTimeout(() => tell({ kind: "over" }), 20);
  }
});
