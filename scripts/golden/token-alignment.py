"""Tags of words at their first subwords, as transformers' run_ner aligns them: `python scripts/golden/token-alignment.py > test/golden/token-alignment.json`.

Words of sentences, in English and Chinese, are cut by a small WordPiece tokenizer (given whole, as tokenizer.json); the model of
test/fixtures/language-models/bert-token gives the loss of the aligned labels over the batch, and the logits at the first subword of each word.
"""

import json
from pathlib import Path

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertForTokenClassification, PreTrainedTokenizerFast

torch.set_num_threads(1)
FOLDER = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "language-models" / "bert-token"
TAGS = ["O", "B-LOC", "B-PER", "I-LOC", "I-PER"]
PIECES = "[PAD] [UNK] [CLS] [SEP] [MASK] ann ##a mary - jane vis ##its new york don ' t 19 ##91 ##9 . 北 京 1 9 的 like ##s".split()
SENTENCES = [
    [("Anna", "B-PER"), ("visits", "O"), ("New", "B-LOC"), ("York", "I-LOC"), (".", "O")],
    [("Mary-Jane", "B-PER"), ("doesn't", "O"), ("\u200b", "O"), ("likes", "O"), ("1991", "O")],
    [("北", "B-LOC"), ("京", "I-LOC"), ("1", "O"), ("9", "O"), ("9", "O"), ("的", "O")],
]

tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]"))
tokenizer.add_special_tokens(PIECES[:5])
tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]")


def align(sentence):
    """As `tokenize_and_align_labels` of transformers' examples/pytorch/token-classification/run_ner.py, without --label_all_tokens."""
    encoded = fast([word for word, _ in sentence], is_split_into_words=True)
    labels, previous = [], None
    for word in encoded.word_ids():
        labels.append(-100 if word is None or word == previous else TAGS.index(sentence[word][1]))
        previous = word
    return encoded["input_ids"], labels


aligned = [align(sentence) for sentence in SENTENCES]
width = max(len(ids) for ids, _ in aligned)
pad = lambda row, value: row + [value] * (width - len(row))
ids = torch.tensor([pad(row, 0) for row, _ in aligned])
labels = torch.tensor([pad(row, -100) for _, row in aligned])
mask = torch.tensor([pad([1] * len(row), 0) for row, _ in aligned])
model = BertForTokenClassification.from_pretrained(FOLDER).double().eval()
with torch.no_grad():
    out = model(input_ids=ids, attention_mask=mask, labels=labels)
print(
    json.dumps(
        {
            "madeBy": f"scripts/golden/token-alignment.py, transformers {transformers.__version__}, tokenizers {tokenizers.__version__}",
            "tokenizer": json.loads(tokenizer.to_str()),
            "tags": TAGS,
            "sentences": SENTENCES,
            "ids": [row for row, _ in aligned],
            "labels": [row for _, row in aligned],
            "loss": out.loss.item(),
            "logits": [[[round(x, 7) for x in out.logits[n, t].tolist()] for t in range(width) if labels[n, t] >= 0] for n in range(len(SENTENCES))],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
)
