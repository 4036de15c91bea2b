/**
 * @module A client that costs little: requests as bytes over kept connections, so that the load takes as little as it can of the processors that the server needs.
 */
import { connect, type Socket } from "node:net";

/** An answer: its status, and its body unread. */
export interface RawAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** A connection is left before the server leaves it (5 s). */
const IDLE_MS = 3_000;

/** Where an answer's body ends; undefined while it is not whole. */
function endOf(data: Buffer): { readonly bodyAt: number; readonly end: number } | undefined {
  const headEnd = data.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const bodyAt = headEnd + 4;
  const length = /\r\ncontent-length: (\d+)/i.exec(data.toString("latin1", 0, headEnd))?.[1];
  if (length !== undefined) return data.length >= bodyAt + Number(length) ? { bodyAt, end: bodyAt + Number(length) } : undefined;
  return data.subarray(-5).toString("latin1") === "0\r\n\r\n" ? { bodyAt, end: data.length } : undefined;
}

class Connection {
  idleSince = 0;
  isClosed = false;
  readonly #socket: Socket;
  #data: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (answer: RawAnswer) => void; reject: (error: Error) => void } | undefined;

  constructor(port: number, onIdle: (connection: Connection) => void) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (data: Buffer) => {
      this.#data = this.#data.length === 0 ? data : Buffer.concat([this.#data, data]);
      const found = endOf(this.#data);
      if (found === undefined) return;
      const status = Number(this.#data.toString("latin1", 9, 12));
      const answer = { status, body: this.#data.subarray(found.bodyAt, found.end) };
      const mayStay = !/\r\nconnection: close/i.test(this.#data.toString("latin1", 0, found.bodyAt));
      this.#data = Buffer.alloc(0);
      const { resolve } = this.#waiting ?? {};
      this.#waiting = undefined;
      if (mayStay) onIdle(this);
      else this.end();
      resolve?.(answer);
    });
    const closed = (error?: Error): void => {
      this.isClosed = true;
      this.#waiting?.reject(error ?? new Error("the connection was closed without an answer"));
      this.#waiting = undefined;
    };
    this.#socket.on("error", closed);
    this.#socket.on("close", () => closed());
  }

  send(bytes: Buffer): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(bytes);
    });
  }

  end(): void {
    this.isClosed = true;
    this.#socket.destroy();
  }
}

/** Connections to one port. Owned: dispose it. */
export class RawClient implements Disposable {
  readonly #port: number;
  #idle: Connection[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends the bytes of a request; rejects where the connection ends without an answer. */
  send(bytes: Buffer): Promise<RawAnswer> {
    const now = performance.now();
    let connection = this.#idle.pop();
    if (connection !== undefined && (connection.isClosed || now - connection.idleSince > IDLE_MS)) {
      // Those below have been idle for longer.
      for (const each of [connection, ...this.#idle]) each.end();
      this.#idle = [];
      connection = undefined;
    }
    connection ??= new Connection(this.#port, (each) => {
      each.idleSince = performance.now();
      this.#idle.push(each);
    });
    return connection.send(bytes);
  }

  [Symbol.dispose](): void {
    for (const each of this.#idle) each.end();
  }
}

/** A POST of JSON as bytes. */
export function postBytes(path: string, body: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(body));
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), json]);
}
