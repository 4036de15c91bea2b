"""Exports small models of PyTorch's libraries with free axes, and what PyTorch computes with them.

    python scripts/published-models/export.py FOLDER [REGEX]
    TINY=1 python scripts/published-models/export.py test/fixtures/published '^(bert|llama|vit)\\.script'   # those of test/onnx/published.test.ts

Writes FOLDER/NAME.onnx (axes free) and FOLDER/NAME.safetensors: inputs `in.K.NAME`, outputs `out.K`, and gradients `grad.K.PARAMETER` of
sum(y · cos(k)) over the first output, for two sets of shapes K = 0, 1. Weights are random (seeded), sizes small: what is tried is the graph.
Needs torch, torchvision, transformers, timm, onnx, onnxscript, safetensors.
"""
import json, os, re, sys, traceback, warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.filterwarnings("ignore")
import torch
from safetensors.torch import save_file

torch.set_num_threads(1)
# As small as they get: fixtures of tests.
TINY = "TINY" in os.environ
folder, wanted = sys.argv[1], re.compile(sys.argv[2] if len(sys.argv) > 2 else ".")
os.makedirs(folder, exist_ok=True)


class Text(torch.nn.Module):
    """A transformer of `transformers` as a function of token ids and mask to one tensor."""

    def __init__(self, model, pick):
        super().__init__()
        self.model, self.pick = model, pick

    def forward(self, input_ids, attention_mask):
        return self.pick(self.model(input_ids=input_ids, attention_mask=attention_mask))


class Pixels(torch.nn.Module):
    def __init__(self, model, pick=lambda y: y):
        super().__init__()
        self.model, self.pick = model, pick

    def forward(self, x):
        return self.pick(self.model(x))


def texts():
    import transformers as t

    small = dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=37)
    if TINY:
        small = dict(vocab_size=99, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=9)
    last = lambda o: o.last_hidden_state
    logits = lambda o: o.logits
    eager = dict(attn_implementation="eager")
    yield "bert", lambda: Text(t.BertForSequenceClassification(t.BertConfig(**small, num_labels=3, max_position_embeddings=32 if TINY else 512)), logits)
    yield "distilbert", lambda: Text(t.DistilBertModel(t.DistilBertConfig(vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=37)), last)
    yield "roberta", lambda: Text(t.RobertaModel(t.RobertaConfig(**small)), last)
    yield "albert", lambda: Text(t.AlbertModel(t.AlbertConfig(**small, embedding_size=16)), last)
    yield "electra", lambda: Text(t.ElectraModel(t.ElectraConfig(**small, embedding_size=16)), last)
    yield "mpnet", lambda: Text(t.MPNetModel(t.MPNetConfig(**small)), last)
    yield "deberta-v2", lambda: Text(
        t.DebertaV2Model(
            t.DebertaV2Config(**small, relative_attention=True, pos_att_type=["p2c", "c2p"], max_relative_positions=16, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True)
        ),
        last,
    )
    yield "t5-encoder", lambda: Text(t.T5EncoderModel(t.T5Config(vocab_size=99, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)), last)
    yield "gpt2", lambda: Text(t.GPT2LMHeadModel(t.GPT2Config(vocab_size=99, n_positions=64, n_embd=32, n_layer=2, n_head=4, use_cache=False, tie_word_embeddings=False, **eager)), logits)
    rotary = dict(**small, num_key_value_heads=2, max_position_embeddings=64, use_cache=False)
    yield "llama", lambda: Text(t.LlamaForCausalLM(t.LlamaConfig(**rotary, **eager)), logits)
    yield "qwen2", lambda: Text(t.Qwen2ForCausalLM(t.Qwen2Config(**rotary, **eager)), logits)
    yield "xlm-roberta", lambda: Text(t.XLMRobertaModel(t.XLMRobertaConfig(**small)), last)


def transformer_images():
    import transformers as t

    yield "vit", 32, lambda: Pixels(
        t.ViTForImageClassification(
            t.ViTConfig(hidden_size=8 if TINY else 32, num_hidden_layers=1 if TINY else 2, num_attention_heads=2, intermediate_size=37, image_size=32, patch_size=8, num_labels=5)
        ),
        lambda o: o.logits,
    )


def torchvision_images():
    import torchvision.models as m

    for name, size in [
        ("resnet18", 64),
        ("mobilenet_v2", 64),
        ("mobilenet_v3_small", 64),
        ("squeezenet1_1", 64),
        ("shufflenet_v2_x0_5", 64),
        ("mnasnet0_5", 64),
        ("densenet121", 64),
        ("efficientnet_b0", 64),
        ("regnet_y_400mf", 64),
    ]:
        yield name, size, lambda name=name: Pixels(getattr(m, name)(weights=None, num_classes=10))
    yield "vit_tiny", 32, lambda: Pixels(m.VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=37, num_classes=5))
    yield "swin_tiny", 64, lambda: Pixels(m.SwinTransformer(patch_size=[4, 4], embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=5))
    yield "lraspp_mobilenet", 64, lambda: Pixels(m.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3), lambda o: o["out"])


TIMM = "resnet10t mobilenetv3_small_050 lcnet_050 tinynet_e semnasnet_075 ghostnet_050 hardcorenas_a efficientnet_lite0 repvgg_a0 edgenext_xx_small mobilevit_xxs convnext_atto".split()


def timm_images():
    import timm

    for name in TIMM:
        yield "timm." + name, 64, lambda name=name: Pixels(timm.create_model(name, pretrained=False, num_classes=10))


def export(name, model, args, names, axes, exporter):
    path = os.path.join(folder, name + ".onnx")
    if exporter == "dynamo":
        shapes = tuple({a: torch.export.Dim.DYNAMIC for a in axes[n]} for n in names)
        torch.onnx.export(model, args, path, input_names=names, output_names=["y"], dynamic_shapes=shapes, dynamo=True, external_data=False, verbose=False)
    else:
        free = {n: {a: s for a, s in axes[n].items()} for n in names}
        free["y"] = {0: "batch"}
        torch.onnx.export(model, args, path, input_names=names, output_names=["y"], dynamic_axes=free, dynamo=False, opset_version=17)


def record(name, model, calls, names):
    tensors = {}
    for k, args in enumerate(calls):
        model.zero_grad()
        y = model(*args)
        weights = torch.cos(torch.arange(y.numel(), dtype=torch.float32)).reshape(y.shape)
        (y * weights).sum().backward()
        for n, a in zip(names, args):
            tensors[f"in.{k}.{n}"] = a.detach().contiguous().clone()
        tensors[f"out.{k}"] = y.detach().contiguous().clone()
        for p, v in model.named_parameters():
            if v.grad is not None:
                tensors[f"grad.{k}.{p}"] = v.grad.detach().contiguous().clone()
    save_file(tensors, os.path.join(folder, name + ".safetensors"))


def case(name, make, calls, names, axes, exporters=("dynamo", "script")):
    for exporter in exporters:
        full = f"{name}.{exporter}"
        if not wanted.search(full) or os.path.exists(os.path.join(folder, full + ".safetensors")):
            continue
        torch.manual_seed(0)
        try:
            model = make().eval()
            # Fresh running statistics are 0 and 1: others, so that they count.
            for m in model.modules():
                if isinstance(m, torch.nn.modules.batchnorm._BatchNorm):
                    m.running_mean.uniform_(-0.1, 0.1)
                    m.running_var.uniform_(0.5, 1.5)
            # Exporters store equal tensors once: fresh biases, all 0, would share one gradient.
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(0.02 * torch.randn(p.shape))
            export(full, model, calls[0], names, axes, exporter)
            record(full, model, calls, names)
            print(f"{full}: {os.path.getsize(os.path.join(folder, full + '.onnx'))} bytes", flush=True)
        except Exception as error:
            print(f"{full}: FAILED {type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}", flush=True)
            if os.environ.get("TRACE"):
                traceback.print_exc()


generator = torch.Generator().manual_seed(1)


def tokens(batch, length):
    ids = torch.randint(3, 99, (batch, length), generator=generator)
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[-1, length - 2 :] = 0
    return ids, mask


text_calls = [tokens(2, 9), tokens(3, 6)]
text_axes = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"}}
for name, make in texts():
    case(name, make, text_calls, ["input_ids", "attention_mask"], text_axes)
for images in (transformer_images, torchvision_images, timm_images):
    for name, size, make in images():
        calls = [(torch.randn(n, 3, size, size, generator=generator),) for n in (2, 3)]
        case(name, make, calls, ["x"], {"x": {0: "batch"}}, ("script",) if name.startswith("timm") else ("dynamo", "script"))

versions = {p: __import__(p).__version__ for p in ("torch", "torchvision", "transformers", "timm", "onnx")}
json.dump(versions, open(os.path.join(folder, "versions.json"), "w"), indent=1)
