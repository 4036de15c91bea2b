/** A text cut where marks begin and end, so that overlapping and nested marks can be drawn as lines below each piece. */
export interface Mark {
  readonly start: number;
  readonly end: number;
}

export interface Segment<M extends Mark> {
  readonly start: number;
  readonly end: number;
  /** Marks over the piece, each with the line that it is drawn on. */
  readonly marks: readonly { readonly mark: M; readonly line: number }[];
}

/** Cuts [0, length) at marks and at further positions; each mark gets the first line that is free over all of it. */
export function segmentsOf<M extends Mark>(length: number, marks: readonly M[], cuts: readonly number[] = []): Segment<M>[] {
  const lines: number[] = [];
  const placed = [...marks]
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .map((mark) => {
      let line = lines.findIndex((end) => end <= mark.start);
      if (line < 0) line = lines.length;
      lines[line] = mark.end;
      return { mark, line };
    });
  const positions = [...new Set([0, length, ...cuts, ...marks.flatMap(({ start, end }) => [start, end])])]
    .filter((place) => place >= 0 && place <= length)
    .sort((a, b) => a - b);
  return positions.slice(0, -1).map((start, i) => {
    const end = positions[i + 1] as number;
    return { start, end, marks: placed.filter(({ mark }) => mark.start < end && mark.end > start) };
  });
}

/** A word of a text, or, where a text has none, one of its characters. */
export interface Word {
  readonly start: number;
  readonly end: number;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

export const wordsOf = (text: string): Word[] =>
  [...segmenter.segment(text)]
    .filter(({ segment }) => segment.trim() !== "")
    .map(({ segment, index }) => ({ start: index, end: index + segment.length }));
