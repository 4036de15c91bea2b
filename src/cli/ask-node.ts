/**
 * @module A request to a server of this package, which may have a certificate that nobody has signed: it is known by its file.
 */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { connect, type TLSSocket } from "node:tls";
import { ConfigError } from "../util/errors.js";
import { pem } from "../http/listen-node.js";

export interface AskOptions {
  readonly host: string;
  readonly port: number;
  /** The PEM file of its certificate; left out, plain HTTP. */
  readonly certificate?: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
}

function certificateIn(bytes: Buffer, file: string): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch (cause) {
    throw new ConfigError(`--tls-cert ${file}: expected a certificate in PEM, got another file`, { cause });
  }
}

/** A connection to the server that has this certificate, before anything is said to it. */
async function tlsSocket(host: string, port: number, file: string): Promise<TLSSocket> {
  const expected = certificateIn(await pem(file, "--tls-cert"), file);
  const socket = connect({ host, port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  if (socket.getPeerX509Certificate()?.raw.equals(expected.raw) === true) return socket;
  socket.destroy();
  throw new ConfigError(`--tls-cert ${file}: expected the certificate of the server at ${host}:${port}, got another`);
}

/** The status and the text of an answer. Errors: those of the system; ConfigError where another server answers. */
export async function ask(
  path: string,
  { host, port, certificate, method, headers }: AskOptions,
): Promise<{ readonly status: number; readonly text: string }> {
  const socket = certificate === undefined ? undefined : await tlsSocket(host, port, certificate);
  const sent = request({
    host,
    port,
    path,
    method,
    headers: { ...headers, connection: "close" },
    createConnection: socket && (() => socket),
  });
  return new Promise((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (data: string) => (text += data));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.end();
  });
}
