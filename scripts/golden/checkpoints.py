"""Tiny fine-tuned models as transformers' save_pretrained leaves them, with their answers and explanations: `python scripts/golden/checkpoints.py`.

Each folder of test/fixtures/checkpoints gets config.json, model.safetensors, the tokenizer, and expected.json: a text, its token ids, the logits that are
explained, and for a target the attributions of Captum's Integrated Gradients and input x gradient over the word vectors, summed by token, and exact
Shapley values over words whose vectors are 0 where absent, by their definition. Computed in float64.
"""

import itertools
import json
import math
import shutil
from pathlib import Path

import captum
import torch
import transformers
from captum.attr import InputXGradient, IntegratedGradients
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

torch.set_num_threads(1)
# Points of the path: the same rule is asked of Descent, since relu makes the gradient jump and rules of few points step over that.
STEPS = 32
HERE = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "checkpoints"
CORPUS = [
    "a warm and funny film , though the ending is a little dull .",
    "the plot is slow , the actors are wonderful",
    "Ann Smith went to Rome with Bob",
    "nothing in this story is worth watching",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=90, special_tokens=SPECIAL))
    ids = {token: tokenizer.token_to_id(token) for token in SPECIAL}
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.decoder = decoders.WordPiece()
    names = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=24, **names)


def byte_pairs():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=310, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def randomized(model, seed):
    """Numbers large enough that a wrong formula shows, norms and biases included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            spread = 0.3 if p.dim() > 1 else 0.2
            p.copy_(torch.randn(p.shape, generator=generator) * spread + (1 if p.dim() == 1 and "weight" in name else 0))
    return model.eval()


def words_of(text, offsets):
    """The word between blanks that each token is of; -1 of the template's."""
    starts = [i for i, c in enumerate(text) if c != " " and (i == 0 or text[i - 1] == " ")]
    of = lambda start, end: sum(s <= start + len(text[start:end]) - len(text[start:end].lstrip()) for s in starts) - 1
    return [-1 if end <= start else of(start, end) for start, end in offsets]


def shapley(score, parts):
    """By the definition, over all coalitions of parts."""
    count = max(parts) + 1
    values = {}
    for kept in itertools.product([False, True], repeat=count):
        values[kept] = score(torch.tensor([1.0 if part < 0 or kept[part] else 0.0 for part in parts]).double())
    result = [0.0] * count
    for kept, value in values.items():
        size = sum(kept)
        for i in range(count):
            if not kept[i]:
                weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                result[i] += weight * (values[kept[:i] + (True,) + kept[i + 1 :]] - value)
    return result


def save(name, model, tokenizer, text, target, place=None, answer=None, **config):
    """`place(ids)` is the position that is asked about, of a model that scores each token."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model = randomized(model, len(name))
    for key, value in config.items():
        setattr(model.config, key, value)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    encoded = tokenizer(text, return_offsets_mapping=True)
    ids = torch.tensor([encoded["input_ids"]])
    answered = answer(model, tokenizer) if answer else None
    model = model.double()
    at = place(encoded) if place else None

    def scores(vectors):
        logits = model(inputs_embeds=vectors, attention_mask=torch.ones(vectors.shape[:2], dtype=torch.long)).logits
        return logits if at is None else logits[:, at]

    vectors = model.get_input_embeddings()(ids).detach()
    parts = words_of(text, encoded["offset_mapping"])
    by_token = lambda attribution: attribution.detach().sum(-1)[0].tolist()
    ig = IntegratedGradients(scores).attribute(vectors, target=target, n_steps=STEPS, method="gausslegendre")
    with torch.no_grad():
        value = lambda kept: scores(vectors * kept[None, :, None])[0, target].item()
        expected = {
            "madeBy": f"scripts/golden/checkpoints.py, transformers {transformers.__version__}, Captum {captum.__version__}",
            "text": text,
            "ids": encoded["input_ids"],
            "logits": scores(vectors)[0].tolist() if place is None or len(scores(vectors)[0]) < 20 else None,
            "target": target,
            "score": value(torch.ones(len(parts)).double()),
            "exact-shapley": shapley(value, parts),
        }
    expected["integrated-gradients"] = by_token(ig)
    expected["input-x-gradient"] = by_token(InputXGradient(scores).attribute(vectors.requires_grad_(), target=target))
    if answered is not None:
        expected["answer"] = answered
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(f"{name}: {sum(f.stat().st_size for f in folder.iterdir())} bytes")


def classified(text):
    return lambda model, tokenizer: transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)(text)


def tagged(text):
    """What transformers' pipeline finds; words have the tag of their first sub-word."""

    def answer(model, tokenizer):
        found = transformers.pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first")(text)
        return [{**entity, "score": float(entity["score"])} for entity in found]

    return answer


def main():
    words, pieces = wordpiece(), byte_pairs()
    text = "a warm film , the ending is dull"
    names = dict(enumerate(["negative", "neutral", "positive"]))
    labels = dict(id2label=names, label2id={v: k for k, v in names.items()})
    tags = dict(enumerate(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]))
    tagging = dict(id2label=tags, label2id={v: k for k, v in tags.items()})
    bert = dict(
        vocab_size=len(words), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=24
    )
    distilbert = dict(vocab_size=len(words), dim=16, hidden_dim=24, n_layers=2, n_heads=2, max_position_embeddings=24)
    save("bert-classifier", transformers.BertForSequenceClassification(transformers.BertConfig(**bert, **labels)), words, text, 2, answer=classified(text))
    distilled = transformers.DistilBertConfig(**distilbert, **labels)
    save("distilbert-classifier", transformers.DistilBertForSequenceClassification(distilled), words, text, 0, answer=classified(text))
    several = transformers.DistilBertConfig(**distilbert, **labels, problem_type="multi_label_classification")
    save("distilbert-labels", transformers.DistilBertForSequenceClassification(several), words, text, 1, answer=classified(text))
    people = "Ann Smith went to Rome with Bob"
    first = lambda word: lambda encoded: encoded.char_to_token(people.index(word))
    save("bert-tagger", transformers.BertForTokenClassification(transformers.BertConfig(**bert, **tagging)), words, people, 3, first("Rome"), tagged(people))
    taggers = transformers.DistilBertConfig(**distilbert, **tagging)
    save("distilbert-tagger", transformers.DistilBertForTokenClassification(taggers), words, people, 1, first("Ann"), tagged(people))
    hidden = "a warm [MASK] , the ending is dull"
    masked = lambda encoded: encoded["input_ids"].index(words.mask_token_id)
    target = words.convert_tokens_to_ids("f")
    save("distilbert-masked", transformers.DistilBertForMaskedLM(transformers.DistilBertConfig(**distilbert)), words, hidden, target, masked)
    last = lambda encoded: len(encoded["input_ids"]) - 1
    start = "the actors are wonderful"
    sizes = dict(vocab_size=len(pieces), n_embd=16, n_layer=2, n_head=2, n_positions=32)
    save("gpt2", transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)), pieces, start, 70, last)
    # With an epsilon of this size the norm is smooth at the baseline, vectors of 0, where an integral would hardly converge.
    sizes = dict(vocab_size=len(pieces), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
    save("llama", transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, max_position_embeddings=32, rms_norm_eps=0.05)), pieces, start, 71, last)


main()
