/**
 * @module The language of a text: by its script, and in Latin and Cyrillic letters by its most frequent short words. Good enough to see that a column is
 * in several languages; not a classifier of single sentences.
 */

/** Frequent words that are (nearly) a language's own. */
const WORDS: Readonly<Record<string, string>> = {
  en: "the of and to in is that for it was with as on are this be have not you but from they which at by an or so what when very good movie i my your we it's don't",
  de: "der die und das ist nicht ein eine den mit sich auf für dem von zu auch es im wie aber wird sind war ich sie wir oder einen bei nach noch",
  fr: "le la les et des est une que dans pour pas sur qui au du ce il plus avec je ne vous nous mais très cette sont être par c'est",
  es: "el los las que de y en un una por con para es no se su más como pero muy lo está del al este esta son fue también",
  it: "il che di e la per non è una con sono del della più come anche si ma gli questo nel alla dei molto lo ha le",
  pt: "o os que não uma com para é do da em mais por como mas foi ao ele das dos muito são você se na no isso",
  nl: "de het een en van is niet dat op te voor zijn met die er maar ook aan als bij naar wordt deze heb ik je",
  sv: "och att det är som en på för av med den inte till har jag ett om men de var kan ska vi",
  pl: "nie się jest na to że do jak ale po co tak za od jego był czy dla przez już są",
  tr: "ve bir bu için çok ile da de ne var daha gibi ama olarak en o kadar sonra değil",
  id: "yang dan di ini itu dengan untuk tidak dari dalam akan pada ada saya juga bisa sudah ke kami",
  vi: "và của là không có được một cho trong với những này các người đã tôi khi đến",
  ru: "и в не на что я с он как это по но из у за то все так его к бы от только еще мы",
  uk: "і в не на що я з він як це по але із у за то все так його до від тільки ще ми є та",
};

const FREQUENT = new Map(Object.entries(WORDS).map(([language, words]) => [language, new Set(words.split(" "))]));

/** Letters that a Latin script has in few languages, worth as much as a word. */
const LETTERS: readonly (readonly [RegExp, string])[] = [
  [/[äöü]?ß/gu, "de"],
  [/[ñ¿¡]/gu, "es"],
  [/[ãõ]/gu, "pt"],
  [/[łśźżęąćń]/gu, "pl"],
  [/[ğış]/gu, "tr"],
  [/[ăđơưạảấầẩậắằẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]/gu, "vi"],
  [/[іїєґ]/gu, "uk"],
  [/[ыэъё]/gu, "ru"],
];

/** Scripts that stand for a language (ISO 639-1). */
const SCRIPTS: readonly (readonly [RegExp, string])[] = [
  [/[\p{sc=Hiragana}\p{sc=Katakana}]/gu, "ja"],
  [/\p{sc=Hangul}/gu, "ko"],
  [/\p{sc=Han}/gu, "zh"],
  [/\p{sc=Arabic}/gu, "ar"],
  [/\p{sc=Hebrew}/gu, "he"],
  [/\p{sc=Thai}/gu, "th"],
  [/\p{sc=Greek}/gu, "el"],
  [/\p{sc=Devanagari}/gu, "hi"],
];

const occurrences = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** Characters that are looked at. */
const MOST = 2000;

/** The language of a text (ISO 639-1), or `und` where nothing tells it. */
export function languageOf(text: string): string {
  // Addresses are in no language.
  const part = text.slice(0, MOST).replaceAll(/\S+@\S+|https?:\/\/\S+|www\.\S+/g, " ");
  const letters = occurrences(part, /\p{L}/gu);
  if (letters === 0) return "und";
  for (const [pattern, language] of SCRIPTS) {
    const found = occurrences(part, pattern);
    // A few kana among many ideographs are Japanese; an ideograph says more than a letter of another script.
    const weight = language === "ja" ? 5 : language === "zh" || language === "ko" ? 2 : 1;
    if (found * weight > letters * 0.4) return language;
  }
  const scores = new Map<string, number>();
  const lower = part.toLowerCase();
  for (const word of lower.match(/[\p{L}']+/gu) ?? [])
    for (const [language, words] of FREQUENT) if (words.has(word)) scores.set(language, (scores.get(language) ?? 0) + 1);
  for (const [pattern, language] of LETTERS) {
    const found = occurrences(lower, pattern);
    if (found > 0) scores.set(language, (scores.get(language) ?? 0) + found);
  }
  const [best, second] = [...scores].sort(([, a], [, b]) => b - a);
  if (best === undefined || best[1] === second?.[1]) return "und";
  return best[0];
}
