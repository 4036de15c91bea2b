/**
 * @module The contender of the harness's own tests, well and ill behaved by variant.
 */
import { NotAvailable, timeSteps, type Contender } from "./cases/types.js";
import { readTensors, tensorOf } from "./tensor-file.js";

export function createContender(variant: string | undefined): Contender {
  let value = 0;
  return {
    name: variant ?? "descent",
    async setup({ inputsFile, settings }) {
      if (variant === "missing") throw new NotAvailable("no such package; run: npm ci --prefix bench");
      if (variant === "crashes") throw new Error("broken on purpose");
      if (variant === "dies") {
        console.error("last words");
        process.exit(7);
      }
      console.log("libraries print; the protocol does not mind");
      value = (tensorOf(readTensors(inputsFile), "start").values[0] as number) + (variant === "wrong" ? 0.5 : 0);
      value += (settings["base"] as number) - 1;
      return { version: "1", notes: "" };
    },
    steps: (n) =>
      timeSteps(n, async () => {
        if (variant === "slow") {
          const until = performance.now() + 5;
          while (performance.now() < until);
        }
        return ++value;
      }),
    close: async () => {},
  };
}
