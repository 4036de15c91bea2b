/**
 * @module The text data sets known by name: data only, as `registry.ts`.
 */
import type { KnownDataset, KnownFile } from "./registry.js";

const RAW = "https://raw.githubusercontent.com/";

/** A file as its source has it, under its own name. Where ours is wrapped in gzip, `gzipSha256` is the wrapped one's. */
const file = (address: string, sha256: string, gzipSha256?: string): KnownFile => ({
  name: `${address.slice(address.lastIndexOf("/") + 1)}${gzipSha256 === undefined ? "" : ".gz"}`,
  sha256,
  url: RAW + address,
  gzipSha256,
});

const SENTIMENT = ["negative", "positive"];
const NOT_STATED = "not stated in its repository";
const SST2 = "clairett/pytorch-sentiment-classification/HEAD/data/SST2/";
const WNUT = "leondz/emerging_entities_17/HEAD/";
const RESUME = "jiesutd/LatticeLSTM/HEAD/ResumeNER/";
const CHINESE = "SophonPlus/ChineseNlpCorpus/HEAD/datasets/";
const TITLES = "649453932/Chinese-Text-Classification-Pytorch/HEAD/THUCNews/data/";
const PROPBANK = "UniversalPropositions/UP-1.0/HEAD/";
const AKBIK =
  "Akbik, Chiticariu, Danilevsky, Li, Vaithyanathan, Zhu (2015), Generating High Quality Proposition Banks for Multilingual Semantic Role Labeling, ACL";

export const KNOWN_TEXTS: readonly KnownDataset[] = [
  {
    name: "sst2",
    title: "SST-2, English film reviews, 9,613 whole sentences, negative or positive",
    task: "text-classification",
    folder: "sst2",
    licence: NOT_STATED,
    source: "https://github.com/clairett/pytorch-sentiment-classification",
    citation: "Socher et al. (2013), Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank, EMNLP",
    layout: {
      kind: "texts",
      format: "table",
      columns: ["text", "label"],
      classes: SENTIMENT,
      train: file(`${SST2}train.tsv`, "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920"),
      validation: file(`${SST2}dev.tsv`, "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359"),
      test: file(`${SST2}test.tsv`, "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7"),
    },
  },
  {
    name: "chnsenticorp-hotel",
    title: "ChnSentiCorp, 7,766 Chinese hotel reviews, negative or positive",
    task: "text-classification",
    folder: "chnsenticorp-hotel",
    licence: NOT_STATED,
    source: "https://github.com/SophonPlus/ChineseNlpCorpus",
    citation: "Tan Songbo, ChnSentiCorp",
    layout: {
      kind: "texts",
      format: "table",
      text: "review",
      classes: SENTIMENT,
      train: file(
        `${CHINESE}ChnSentiCorp_htl_all/ChnSentiCorp_htl_all.csv`,
        "1d414b9c65caf3a836abdb4efded621968502ad3338e1a9d885ae131c86083f0",
        "8c21629b1a7d5dfce92746caad60736b881f226d992f592cfe05a1a72a80eafa",
      ),
    },
  },
  {
    name: "online-shopping",
    title: "62,774 Chinese shop reviews, negative or positive, of 10 categories (column cat)",
    task: "text-classification",
    folder: "online-shopping-10-cats",
    licence: NOT_STATED,
    source: "https://github.com/SophonPlus/ChineseNlpCorpus",
    citation: "https://github.com/SophonPlus/ChineseNlpCorpus, online_shopping_10_cats",
    layout: {
      kind: "texts",
      format: "table",
      text: "review",
      classes: SENTIMENT,
      train: file(
        `${CHINESE}online_shopping_10_cats/online_shopping_10_cats.zip`,
        "6816ded66fde9d0927ecbd370b5e12d0174d1abac35192ec014ac2a0a8d25858",
      ),
    },
  },
  {
    name: "thucnews-titles",
    title: "THUCNews, Chinese news titles, 10 classes: the dev part (10,000) to learn from, the test part (10,000)",
    task: "text-classification",
    folder: "thucnews-titles",
    licence: "repository MIT; THUCNews itself free for research",
    source: "https://github.com/649453932/Chinese-Text-Classification-Pytorch",
    citation: "Li, Sun (2007), Scalable Term Selection for Text Categorization, EMNLP",
    layout: {
      kind: "texts",
      format: "table",
      columns: ["text", "label"],
      classes: ["finance", "realty", "stocks", "education", "science", "society", "politics", "sports", "game", "entertainment"],
      train: file(
        `${TITLES}dev.txt`,
        "6ed73aa2c57ee1560c8f76570d48735c4b1c29ae4983fe3523d56e115813e175",
        "6a9a033eba16a77f267de5349170657c52677d496a9bc194924d89a2d291bf6d",
      ),
      test: file(
        `${TITLES}test.txt`,
        "ebecc8c896635ad69730083ca7b81d37c42c9a5779bc05c9d2479d894e34f026",
        "8f15b54865baafae636446900b66fa8e510ce1294fcc0c694f0341a9d6c5e03b",
      ),
    },
  },
  {
    name: "wnut17",
    title: "WNUT-17, emerging entities in English user text, 6 types, 5,690 texts",
    task: "token-classification",
    folder: "wnut17",
    licence: "CC BY 4.0",
    source: "https://github.com/leondz/emerging_entities_17",
    citation:
      "Derczynski, Nichols, van Erp, Limsopatham (2017), Results of the WNUT2017 Shared Task on Novel and Emerging Entity Recognition, W-NUT",
    layout: {
      kind: "texts",
      format: "conll",
      train: {
        ...file(`${WNUT}wnut17train.conll`, "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5"),
        name: "train.conll",
      },
      validation: {
        ...file(`${WNUT}emerging.dev.conll`, "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8"),
        name: "dev.conll",
      },
      test: {
        ...file(`${WNUT}emerging.test.annotated`, "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0"),
        name: "test.conll",
      },
    },
  },
  {
    name: "resume-ner-zh",
    title: "Resume NER, Chinese résumés, 8 entity types, 4,761 sentences",
    task: "token-classification",
    folder: "resume-ner-zh",
    licence: NOT_STATED,
    source: "https://github.com/jiesutd/LatticeLSTM",
    citation: "Zhang, Yang (2018), Chinese NER Using Lattice LSTM, ACL",
    layout: {
      kind: "texts",
      format: "conll",
      train: file(`${RESUME}train.char.bmes`, "93b9bb0be5dd4730121587f9dc1378de3fbbe55cba1c575edec271f822c27be7"),
      validation: file(`${RESUME}dev.char.bmes`, "1b0d67153e6e8543e9444936ed1b107bd843078c282533898085e1a9aa293952"),
      test: file(`${RESUME}test.char.bmes`, "c4a9f42622819a4b59f66e184d446ebfa89b2f1dbba06e11d70675e59fe7e79b"),
    },
  },
  {
    name: "msra-ner-zh",
    title: "MSRA NER, Chinese news, 3 entity types, 55,289 sentences in one part",
    task: "token-classification",
    folder: "msra-ner-zh",
    licence: NOT_STATED,
    source: "https://github.com/SophonPlus/ChineseNlpCorpus",
    citation: "Levow (2006), The Third International Chinese Language Processing Bakeoff, SIGHAN",
    layout: {
      kind: "texts",
      format: "conll",
      train: file(`${CHINESE}dh_msra/dh_msra.zip`, "5a0b2e4c543d8a803b138b5488313425cdec26708e323388d37750c6bd35b4e9"),
    },
  },
  {
    name: "up-english-ewt",
    title: "Universal PropBank 1.0, English EWT: the dev part (1,974 sentences) to learn from, the test part (2,062)",
    task: "semantic-role-labeling",
    folder: "up-english-ewt",
    licence: "CDLA-Sharing-1.0",
    source: "https://github.com/UniversalPropositions/UP-1.0",
    citation: AKBIK,
    layout: {
      kind: "texts",
      format: "propositions",
      train: file(
        `${PROPBANK}UP_English-EWT/en_ewt-up-dev.conllu`,
        "70588297850e6ce287d220dc1c24f4511268eb7c9000b9aa93ab9d2a56224c6a",
        "72b4dbc86c02ace729feed19fbaf71d85899f75ee1c4f97c62b7f84248518f8b",
      ),
      test: file(
        `${PROPBANK}UP_English-EWT/en_ewt-up-test.conllu`,
        "f511b4b39cf9525945fbb89660757b401d339d2deee805a36c3b4fc9ea2cd8b7",
        "e07ba5833f6c37ce7bc11059a1016d22160b20f32137f011e8e2fda8a69943de",
      ),
    },
  },
  {
    name: "up-chinese",
    title: "Universal PropBank 1.0, Chinese: the dev part (500 sentences) to learn from, the test part (500)",
    task: "semantic-role-labeling",
    folder: "up-chinese",
    licence: "CC BY-NC-SA 3.0 US",
    source: "https://github.com/UniversalPropositions/UP-1.0",
    citation: AKBIK,
    layout: {
      kind: "texts",
      format: "propositions",
      train: file(
        `${PROPBANK}UP_Chinese/zh-up-dev.conllu`,
        "a691939fa2efaf600b98a6fe76444ce6c623362427b894c4c314972731d61cc1",
        "8644f8585d2b3d1446ef560a86039cc18f2652f252e6b12bb69349759b9ab233",
      ),
      test: file(
        `${PROPBANK}UP_Chinese/zh-up-test.conllu`,
        "ec8808981affb7308fab5333e23f0a70bcd21b26d2fb3560d7db0ea0517fa90e",
        "2e22a8dc49364ca6f066fe1ced851b964a8a13c0d2d8f54395aa8a8331808cfd",
      ),
    },
  },
  {
    name: "tinyshakespeare",
    title: "Tiny Shakespeare, 1,115,394 characters, for character language models",
    task: "language-modeling",
    folder: "tinyshakespeare",
    licence: "public domain; repository MIT",
    source: "https://github.com/karpathy/char-rnn",
    citation: "Karpathy (2015), char-rnn, https://github.com/karpathy/char-rnn",
    layout: {
      kind: "texts",
      format: "plain",
      lastTenth: true,
      train: file(
        "karpathy/char-rnn/HEAD/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
      ),
    },
  },
];
