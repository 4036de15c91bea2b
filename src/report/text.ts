/** @module A text in a report, each token shaded by what it did to the answer. */
import { escapeXml } from "../charts/charts.js";

/** For the answer, and against it. */
const [FOR, AGAINST] = ["234,88,12", "37,99,235"];
/** A shade that hardly shows is left out. */
const LEAST = 0.06;

/**
 * Markup of a text. `positions` are start and end of each token, `attribution` one number for each; what is behind the last token is left
 * out, since the model did not see it.
 */
export function shadedText(text: string, offsets: ArrayLike<number>, attribution: ArrayLike<number> = []): string {
  const largest = Array.from(attribution).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const parts: string[] = [];
  let at = 0;
  for (let t = 0; 2 * t < offsets.length; t++) {
    const [start, end] = [offsets[2 * t] as number, offsets[2 * t + 1] as number];
    if (end <= at) continue;
    const weight = largest === 0 ? 0 : (attribution[t] ?? 0) / largest;
    const word = escapeXml(text.slice(Math.max(start, at), end));
    const color = `rgba(${weight > 0 ? FOR : AGAINST},${(0.75 * Math.abs(weight)).toFixed(2)})`;
    parts.push(
      escapeXml(text.slice(at, Math.max(start, at))),
      Math.abs(weight) < LEAST ? word : `<span style="background:${color};border-radius:3px">${word}</span>`,
    );
    at = end;
  }
  const rest = text.slice(at);
  return `<div class="text">${parts.join("")}${rest.trim() === "" || offsets.length === 0 ? escapeXml(rest) : " …"}</div>`;
}
