/**
 * @module Two hosts on one machine: network namespaces with names and, where asked, folders of their own, joined by a cable. Ranks talk over TCP, and a
 * script stands in place of ssh. As root on Linux alone.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withoutMpi } from "./ranks.js";

const [first, second] = [`descent-${process.pid}-a`, `descent-${process.pid}-b`] as const;
const net = `10.77.${process.pid % 250}`;

const run = (command: string, ...args: readonly string[]): void => void execFileSync(command, args, { stdio: "pipe" });

/** Makes the hosts, whose cable carries so many megabits a second, or whatever it can. Returns why it cannot be done here. */
export function makeHosts(megabits?: number): string | undefined {
  if (withoutMpi !== undefined) return withoutMpi;
  if (spawnSync("ip", ["netns", "add", first]).status !== 0) return "network namespaces cannot be made here";
  try {
    const [a, b] = [`va${process.pid}`, `vb${process.pid}`];
    run("ip", "netns", "add", second);
    run("ip", "link", "add", a, "type", "veth", "peer", "name", b);
    for (const [name, end, address] of [
      [first, a, 1],
      [second, b, 2],
    ] as const) {
      run("ip", "link", "set", end, "netns", name);
      run("ip", "-n", name, "addr", "add", `${net}.${address}/24`, "dev", end);
      for (const device of ["lo", end]) run("ip", "-n", name, "link", "set", device, "up");
      // A bucket of some milliseconds, and a queue that drops nothing.
      const limits = ["rate", `${megabits}mbit`, "burst", "1mb", "limit", "64mb"];
      if (megabits !== undefined) run("tc", "-n", name, "qdisc", "add", "dev", end, "root", "tbf", ...limits);
    }
  } catch (error) {
    return `network namespaces cannot be joined here: ${(error as Error).message.split("\n")[0]}`;
  }
  return undefined;
}

export const removeHosts = (): void => [first, second].forEach((name) => spawnSync("ip", ["netns", "del", name]));

/** The command that starts a program in a rank on each host; `beforehand` is done on the second one, which sees what is mounted there alone. */
export function onHosts(folder: string, program: readonly string[], beforehand = ""): [command: string, args: string[]] {
  const agent = join(folder, "agent.sh");
  const command = `hostname host-b; ${beforehand} shift; exec sh -c "$*"`;
  writeFileSync(agent, `#!/bin/sh\nexec ip netns exec ${second} unshare --uts --mount sh -c '${command}' sh "$@"\n`);
  chmodSync(agent, 0o755);
  const options =
    `--host ${net}.1,${net}.2 --mca plm_rsh_agent ${agent} --mca btl tcp,self ` +
    `--mca btl_tcp_if_include ${net}.0/24 --mca oob_tcp_if_include ${net}.0/24 --bind-to none --wdir ${folder} -n 2`;
  const words = `netns exec ${first} unshare --uts sh -c`.split(" ");
  return ["ip", [...words, 'hostname host-a; exec "$@"', "sh", "mpirun", ...options.split(" "), ...program]];
}
