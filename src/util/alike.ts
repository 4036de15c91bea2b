/** @module Names that are probably meant to be one. */

/** Says which names differ in capital letters alone. */
export function alikeNotes(names: readonly string[], kind: string): string[] {
  const first = new Map<string, string>();
  return names.flatMap((name) => {
    const other = first.get(name.toLowerCase());
    if (other === undefined) first.set(name.toLowerCase(), name);
    return other === undefined ? [] : [`"${other}" and "${name}" differ in capital letters alone, and count as two ${kind}`];
  });
}
