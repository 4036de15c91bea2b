"""Small models of torchvision and transformers, pretrained for a few minutes each, as ONNX files by both exporters and as safetensors; the data that they
are tuned on; and PyTorch's own tuning of the one that Descent has no architecture for.

    DESCENT_DATA=… python scripts/init-exports/make.py FOLDER [images] [texts]

Images: pretrained on eight classes of Fashion-MNIST, to be tuned on the ten digits of MNIST. Texts: pretrained on one part of SST-2, to be tuned on
another. Dropout is 0, since files that are exported for use have none. Needs torch, torchvision, transformers, tokenizers, onnx, onnxscript, safetensors, pillow.
"""
import gzip, json, os, random, sys, warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.filterwarnings("ignore")
import numpy as np
import torch
import torchvision
import transformers
from PIL import Image
from safetensors.torch import save_file
from tokenizers import BertWordPieceTokenizer

folder, data, parts = sys.argv[1], os.environ["DESCENT_DATA"], sys.argv[2:]
os.makedirs(folder, exist_ok=True)
TRAIN, TEST = 600, 2000
SEEDS = [1, 2, 3]
# As scripts/init-exports.ts tunes.
TEXT = dict(steps=120, batch=32, lr=5e-4, warmup=12, length=48)


def images(name, part):
    def read(kind, header):
        with gzip.open(f"{data}/{name}/{part}-{kind}-ubyte.gz") as f:
            return np.frombuffer(f.read(), np.uint8, offset=header)

    return read("images-idx3", 16).reshape(-1, 28, 28), read("labels-idx1", 8)


def resized(pixels, side):
    return np.stack([np.asarray(Image.fromarray(p).resize((side, side), Image.BILINEAR)) for p in pixels])


def write_digits():
    for part, stem, count in (("train", "train", TRAIN), ("test", "t10k", TEST)):
        pixels, labels = images("mnist", stem)
        for side in (16, 32):
            for i in range(count):
                where = f"{folder}/digits{side}/{part}/{labels[i]}"
                os.makedirs(where, exist_ok=True)
                grey = Image.fromarray(pixels[i]).resize((side, side), Image.BILINEAR)
                grey.convert("RGB").save(f"{where}/{i}.png")


def trained(model, batches, lr):
    """The model after training on batches of (inputs, labels)."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=len(batches))
    model.train()
    for inputs, labels in batches:
        loss = torch.nn.functional.cross_entropy(model(*inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    print(f"  pretrained to a loss of {loss.item():.2f}", flush=True)
    return model.eval()


def export(model, given, name, where, axes, **options):
    path = f"{where}/{name}.onnx"
    if name.startswith("dynamo"):
        torch.onnx.export(model, given, path, dynamo=True, external_data=False, verbose=False, **axes["dynamo"], **options)
    else:
        torch.onnx.export(model, given, path, dynamo=False, **axes["script"], **options)


def settling(model):
    """The model with running statistics that follow within a short training: torchvision's MobileNetV3 has a momentum of 0.01."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1
    return model


def image_models():
    """Names, sides of images, passes over the data, and models."""
    v = torchvision.models
    yield "resnet-18", 32, 1, lambda: v.resnet18(num_classes=8)
    yield "mobilenet-v3-small", 32, 4, lambda: settling(v.mobilenet_v3_small(num_classes=8, dropout=0.0))
    vit = dict(image_size=16, patch_size=4, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768)
    yield "vit-tiny", 16, 4, lambda: v.VisionTransformer(num_classes=8, **vit)


def save_with_heads(model, where):
    """The weights once for each seed, with a head for the digits as a file's new head begins: uniform in ±1/√in. Models of ours begin theirs otherwise."""
    state = {k: t.contiguous() for k, t in model.state_dict().items()}
    weight = [k for k, t in state.items() if t.dim() == 2 and t.shape[0] == 8][-1]
    size = state[weight].shape[1]
    for seed in SEEDS:
        torch.manual_seed(seed)
        head = {weight: torch.empty(10, size), weight.replace("weight", "bias"): torch.empty(10)}
        for t in head.values():
            t.uniform_(-(size**-0.5), size**-0.5)
        save_file(state | head, f"{where}/model-{seed}.safetensors")


def make_images():
    pixels, labels = images("fashion-mnist", "train")
    kept = labels < 8
    pixels, labels = pixels[kept][:6400], torch.from_numpy(labels[kept][:6400].astype(np.int64))
    axes = dict(
        dynamo=dict(input_names=["image"], output_names=["logits"], dynamic_shapes=({0: "batch"},)),
        script=dict(input_names=["image"], output_names=["logits"], dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}}),
    )
    for name, side, passes, build in image_models():
        print(name, flush=True)
        x = torch.from_numpy(resized(pixels, side)).float().div(255)
        x = ((x - x.mean()) / x.std())[:, None].expand(-1, 3, -1, -1)
        torch.manual_seed(0)
        order = [i for _ in range(passes) for i in torch.randperm(len(x)).split(64)]
        model = trained(build(), [((x[i],), labels[i]) for i in order], 1e-3)
        where = f"{folder}/{name}"
        os.makedirs(where, exist_ok=True)
        save_with_heads(model, where)
        given = (x[:2].contiguous(),)
        export(model, given, "dynamo", where, axes)
        export(model, given, "script", where, axes)
        if name == "resnet-18":
            # With batch normalizations as nodes of their own.
            export(model, given, "dynamo-unfolded", where, axes, optimize=False)
            export(model, given, "script-unfolded", where, axes, training=torch.onnx.TrainingMode.PRESERVE)


def sentences(part):
    with open(f"{data}/sst2/{part}.tsv", encoding="utf8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip()]
    rows = [r for r in rows if r[-1] in ("0", "1") or r[0] in ("0", "1")]
    return [(r[0], int(r[1])) if r[1] in ("0", "1") else (r[1], int(r[0])) for r in rows]


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def batch_of(tokenizer, rows):
    given = tokenizer([t for t, _ in rows], padding=True, truncation=True, max_length=TEXT["length"], return_tensors="pt")
    return (given["input_ids"], given["attention_mask"]), torch.tensor([y for _, y in rows])


def make_texts():
    rows = sentences("train")
    random.Random(0).shuffle(rows)
    before, tuned = rows[:5400], rows[5400:6200]
    os.makedirs(f"{folder}/texts", exist_ok=True)
    parts = (("train", tuned), ("dev", sentences("dev")[:200]), ("test", sentences("test")))
    for part, some in parts:
        with open(f"{folder}/texts/{part}.tsv", "w", encoding="utf8") as f:
            f.write("text\tlabel\n" + "".join(f"{t}\t{'good' if y else 'bad'}\n" for t, y in some))
    words = BertWordPieceTokenizer(lowercase=True)
    words.train_from_iterator([t for t, _ in before], vocab_size=4000)
    tokenizer = transformers.BertTokenizerFast(tokenizer_object=words._tokenizer, model_max_length=TEXT["length"])
    t = transformers
    common = dict(vocab_size=len(tokenizer), max_position_embeddings=64, num_labels=2, id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1})
    eager = dict(attn_implementation="eager")
    bert = t.BertConfig(**common, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=512, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    distil = t.DistilBertConfig(**common, dim=128, n_layers=4, n_heads=4, hidden_dim=512, dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0)
    axes = dict(
        dynamo=dict(input_names=["input_ids", "attention_mask"], output_names=["logits"], dynamic_shapes=({0: "batch", 1: "length"}, {0: "batch", 1: "length"})),
        script=dict(input_names=["input_ids", "attention_mask"], output_names=["logits"], dynamic_axes={n: {0: "batch", 1: "length"} for n in ("input_ids", "attention_mask")} | {"logits": {0: "batch"}}),
    )
    for name, build in (
        ("bert", lambda: t.BertForSequenceClassification(bert)),
        ("distilbert", lambda: t.DistilBertForSequenceClassification(distil)),
    ):
        print(name, flush=True)
        torch.manual_seed(0)
        model = build()
        model.config._attn_implementation = "eager"
        order = [random.Random(e).sample(before, len(before)) for e in range(4)]
        batches = [batch_of(tokenizer, some[i : i + 32]) for some in order for i in range(0, len(some), 32)]
        wrapped = trained(Logits(model), batches, 1e-3)
        where = f"{folder}/{name}"
        model.save_pretrained(where)
        tokenizer.save_pretrained(where)
        given = batch_of(tokenizer, before[:2])[0]
        for exporter in ("dynamo", "script"):
            export(wrapped, given, exporter, where, axes)
        if name == "distilbert":
            reference(tokenizer, model, tuned, parts[2][1], where)


def reference(tokenizer, model, rows, test, where):
    """PyTorch's tuning with the recipe of scripts/init-exports.ts."""
    start = {k: p.clone() for k, p in model.state_dict().items()}
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model.load_state_dict(start)
        model.classifier.reset_parameters()
        model.train()
        # Weight decay is 0, so Adam is AdamW.
        optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
        steps, warmup = TEXT["steps"], TEXT["warmup"]
        rate = lambda s: TEXT["lr"] * ((s + 1) / (warmup + 1) if s < warmup else 1 - (s - warmup) / (steps - warmup))
        order, done = [], 0
        while done < steps:
            if len(order) < TEXT["batch"]:
                order = torch.randperm(len(rows)).tolist()
            picked, order = order[: TEXT["batch"]], order[TEXT["batch"] :]
            (ids, mask), labels = batch_of(tokenizer, [rows[i] for i in picked])
            for group in optimizer.param_groups:
                group["lr"] = rate(done)
            loss = torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=mask).logits, labels)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            done += 1
        model.eval()
        right = 0
        with torch.no_grad():
            for i in range(0, len(test), 256):
                (ids, mask), labels = batch_of(tokenizer, test[i : i + 256])
                right += (model(input_ids=ids, attention_mask=mask).logits.argmax(1) == labels).sum().item()
        found.append(right / len(test))
        print("  PyTorch", seed, found[-1], flush=True)
    with open(f"{where}/pytorch.json", "w") as f:
        json.dump(found, f)


if not parts or "images" in parts:
    write_digits()
    make_images()
if not parts or "texts" in parts:
    make_texts()
with open(f"{folder}/versions.json", "w") as f:
    json.dump({m.__name__: m.__version__ for m in (torch, torchvision, transformers)}, f)
