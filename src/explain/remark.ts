/**
 * @module `Remark`: what was decided for the user, in both languages.
 */

/** A decision that was made for the user, as a sentence in English and in Simplified Chinese. */
export interface Remark {
  readonly en: string;
  readonly zh: string;
}

/** Leaves out remarks that were made before. */
export const distinctRemarks = (remarks: readonly Remark[]): readonly Remark[] => [
  ...new Map(remarks.map((remark) => [remark.en, remark])).values(),
];

/** Tells whether a remark is on the background, which whoever chose it describes better. */
export const isOnBackground = ({ en }: Remark): boolean => en.startsWith("Background: ");
