"""Golden ids and offsets of tokenizers of each kind: `DESCENT_DATA=FOLDER python scripts/golden/tokenizer-encodings.py > test/golden/tokenizers.json`
(Hugging Face tokenizers). Offsets are written as JavaScript counts: UTF-16 units."""

import gzip
import hashlib
import json
import os
from array import array

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = [
    "",
    " ",
    "Hello, world!",
    "  two  spaces,\ttabs\nand lines \n",
    "It's 12,345.67 dollars; we'll see they've won.",
    "naïve café résumé Ünïcödé ÀÉÎÕÜ",
    "cafe\u0301 e\u0301\u0323 n\u0303 A\u030a",
    "İstanbul ΌΔΟΣ ΣΊΣΥΦΟΣ ß ſ ﬁ ǅ",
    "房间很干净,服务也好。",
    "我在北京大学读书,2024年毕业",
    "中文English混合mixed文本123",
    "𠀀𠮷野家 and 𝒳𝟘",
    "emoji 😀 👍🏽 👨‍👩‍👧‍👦 🇨🇳🇺🇸 ❤️ end",
    "a😀b😀😀c",
    "한국어 각 하다",
    "العربية मानक हिन्दी ไทย",
    "zero\u200bwidth\u200djoin \u00adsoft \ufeffbom",
    "full width ABC 123 ①②½ ㎏",
    "\u0000control\u0001\u001f\u007f\u0085 nel \u2028 ls \u3000 ideographic\u00a0nbsp",
    "[MASK] a [SEP] b[CLS] <s> <mask> x </s><|endoftext|>y",
    "▁already ▁ marked",
    "http://example.com/a_b?c=d&e=#f @user #tag $5.00 50% (x) [y] {z} «q» “w”",
    "don\u2019t \u2014 dash\u2026",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
    "line one\r\nline two\r\n\r\n   indented",
    "x\u0300\u0301\u0302\u0303 stacked e\u0301\u0301",
]
PAIRS = [["Hello there", "房间 good 😀"], ["a b c d e f g h", "x y"], ["", "second"]]
CORPUS = TEXTS * 3 + [
    "the quick brown fox jumps over the lazy dog and the other dogs see it",
    "酒店的房间很干净,服务态度也很好,下次还会来住。",
    "我们在北京的大学里读书,老师和同学都很好。",
    "this is the hotel that we like, the room was clean and the service good",
] * 4
# What Descent's own trainer is held against: overlapping pairs (aaa), and ties in abundance.
TRAINING = TEXTS + CORPUS[-4:] + ["aaaa aaaaaaa aaa", "abababab babab ab", "哈哈哈哈哈 哈哈哈哈 呵呵呵"]
CHARS = sorted(set("".join(CORPUS)))


def train(t, trainer):
    t.train_from_iterator(CORPUS, trainer)
    return t


def bert(lower, template):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    train(t, trainers.WordPieceTrainer(vocab_size=330, special_tokens=special, limit_alphabet=180, show_progress=False))
    if template:
        t.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    else:
        t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return t


def gpt2():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return train(t, trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False))


def roberta():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    train(t, trainers.BpeTrainer(vocab_size=380, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], initial_alphabet=alphabet, show_progress=False))
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    return t


def llama():
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    train(t, trainers.BpeTrainer(vocab_size=420, special_tokens=special, limit_alphabet=100, show_progress=False))
    j = json.loads(t.to_str())
    j["added_tokens"] = j["added_tokens"][:3]
    t = Tokenizer.from_str(json.dumps(j))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return t


def llama3():
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.normalizer = normalizers.NFC()
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    train(t, trainers.BpeTrainer(vocab_size=380, special_tokens=["<|begin_of_text|>", "<|endoftext|>"], initial_alphabet=alphabet, show_progress=False))
    t.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A $B:1", special_tokens=[("<|begin_of_text|>", 0)]),
        ]
    )
    return t


def unigram():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    train(t, trainers.UnigramTrainer(vocab_size=350, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return t


def characters():
    t = Tokenizer(models.BPE({"[UNK]": 0} | {c: i + 1 for i, c in enumerate(CHARS[::2])}, [], unk_token="[UNK]"))
    t.decoder = decoders.Fuse()
    t.add_special_tokens(["[UNK]"])
    return t


def words():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
    return train(t, trainers.WordLevelTrainer(vocab_size=150, special_tokens=["[PAD]", "[UNK]"], show_progress=False))


def split_punctuation():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.NFKD()
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Split(Regex("[aeiou]+"), "merged_with_previous")]
    )
    return train(t, trainers.WordLevelTrainer(vocab_size=200, special_tokens=["[UNK]"], show_progress=False))


def added():
    t = gpt2()
    t.add_tokens([AddedToken("brown fox"), AddedToken("dog", single_word=True), AddedToken("北京", lstrip=True, rstrip=True), AddedToken("é", normalized=True)])
    return t


def trained(vocabulary_size, min_frequency, add_prefix_space):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<|endoftext|>"]
    options = {"vocab_size": vocabulary_size, "min_frequency": min_frequency, "special_tokens": special, "initial_alphabet": alphabet}
    t.train_from_iterator(TRAINING, trainers.BpeTrainer(show_progress=False, **options))
    model = json.loads(t.to_str())["model"]
    return {
        "vocabularySize": vocabulary_size,
        "minFrequency": min_frequency,
        "addPrefixSpace": add_prefix_space,
        "specialTokens": special,
        "size": len(model["vocab"]),
        "merges": [" ".join(m) for m in model["merges"]],
    }


TEXTS += ["the brown fox, dogs and dog. hotdog 在 北京 café", "brown foxbrown  fox 北京  北京"]
KINDS = [
    ("bert-uncased", bert(True, True)),
    ("bert-cased", bert(False, False)),
    ("gpt2", gpt2()),
    ("roberta", roberta()),
    ("llama", llama()),
    ("llama3", llama3()),
    ("unigram", unigram()),
    ("characters", characters()),
    ("words", words()),
    ("split-punctuation", split_punctuation()),
    ("added-tokens", added()),
]


def in_utf16(text, places):
    units = [0]
    for c in text:
        units.append(units[-1] + (2 if ord(c) > 0xFFFF else 1))
    return [units[p] for p in places]


def row(t, texts, **options):
    e = t.encode(*texts, add_special_tokens=True)
    offsets = []
    for (a, b), s in zip(e.offsets, e.sequence_ids):
        offsets += [a, b] if s is None else in_utf16(texts[s], [a, b])
    return {"ids": e.ids, "offsets": offsets, "typeIds": e.type_ids, "textOf": [-1 if s is None else s for s in e.sequence_ids]}


out = []
for name, t in KINDS:
    cases = [{"texts": [text], **row(t, [text]), "decoded": t.decode(t.encode(text).ids)} for text in TEXTS]
    cases += [{"texts": pair, **row(t, pair)} for pair in PAIRS]
    for pair in PAIRS[:2] + [["a b c d e f g h i j"]]:
        for length in (6, 9):
            # With trimmed offsets, the library takes the first token that is left for one with a prefix space, and does not trim it.
            trims = any(p["type"] in ("ByteLevel", "RobertaProcessing") for p in [json.loads(t.to_str())["post_processor"] or {"type": ""}])
            for direction in ("right",) if trims else ("right", "left"):
                t.enable_truncation(length, strategy="longest_first", direction=direction)
                cases.append({"texts": pair, "maxLength": length, "truncateAt": "end" if direction == "right" else "start", **row(t, pair)})
        t.no_truncation()
    out.append({"name": name, "tokenizer": json.loads(t.to_str()), "cases": cases})
def hash_of(t, lines):
    """sha256 of ids and places, each line ended by -1, as 32-bit numbers."""
    digest = hashlib.sha256()
    for text, e in zip(lines, t.encode_batch(lines)):
        digest.update(array("i", e.ids).tobytes())
        digest.update(array("i", in_utf16(text, [p for pair in e.offsets for p in pair])).tobytes())
        digest.update(b"\xff\xff\xff\xff")
    return digest.hexdigest()


def lines_of(name):
    path = os.path.join(os.environ["DESCENT_DATA"], name)
    content = gzip.open(path).read() if name.endswith(".gz") else open(path, "rb").read()
    return content.decode("utf-8").split("\n")


FILES = ["sst2/dev.tsv", "thucnews-titles/test.txt.gz"]
lines = [line for name in FILES for line in lines_of(name)[:800]]
hashes = {"files": FILES, "lines": len(lines), "sha256": {name: hash_of(t, lines) for name, t in KINDS}}
training = {"texts": TRAINING, "byteLevelBpe": [trained(400, 1, False), trained(900, 2, True), trained(5000, 1, False)]}
print(json.dumps({"madeBy": f"scripts/golden/tokenizer-encodings.py, tokenizers {tokenizers.__version__}", "tokenizers": out, "training": training, "hashes": hashes}, ensure_ascii=False, separators=(",", ":")))
