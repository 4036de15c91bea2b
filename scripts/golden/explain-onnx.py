"""Writes test/golden/explain-onnx.json: small models of torchvision, transformers and scikit-learn as ONNX files, with Captum's attributions of the PyTorch
modules (of scikit-learn's network: of a module with its weights).

Run: python scripts/golden/explain-onnx.py. Files are in the JSON as base64, packed by zlib. Descent explains the file, Captum the module.
"""

import base64
import io
import json
import pathlib
import zlib
from importlib.metadata import version

import numpy as np
import torch
import torchvision
from captum.attr import InputXGradient, IntegratedGradients, LayerGradCam, LayerIntegratedGradients, Saliency
from sklearn.neural_network import MLPClassifier
from skl2onnx import to_onnx
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
rng = np.random.default_rng(0)
STEPS = 16


def numbers(t):
    return {"shape": list(t.shape), "data": [float(f"{v:.7g}") for v in t.detach().flatten().tolist()]}


def packed(model, inputs, names):
    buffer = io.BytesIO()
    axes = {name: {0: "batch"} for name in names}
    torch.onnx.export(
        model, inputs, buffer, input_names=names, output_names=["logits"], dynamic_axes={**axes, "logits": {0: "batch"}}, dynamo=False, opset_version=17
    )
    return base64.b64encode(zlib.compress(buffer.getvalue(), 9)).decode()


def coarse(model):
    """Weights of few digits, so that the file packs well; norms with statistics of their own."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
        for t in list(model.parameters()) + [b for b in model.buffers() if b.is_floating_point()]:
            t.copy_(torch.round(t * 32) / 32)
    return model.eval()


def image_case(name, model, layer, at, size=16):
    model = coarse(model)
    x = torch.from_numpy(np.round(rng.normal(size=(2, 3, size, size)), 2).astype(np.float32))
    target = torch.tensor([1, 2])
    return {
        "name": name,
        "file": packed(model, x[:1], ["image"]),
        "inputs": {"image": numbers(x)},
        "target": target.tolist(),
        "at": at,
        "captum": {
            "saliency": numbers(Saliency(model).attribute(x, target=target)),
            "input-x-gradient": numbers(InputXGradient(model).attribute(x, target=target)),
            "integrated-gradients": numbers(IntegratedGradients(model).attribute(x, target=target, n_steps=STEPS)),
            "grad-cam": numbers(LayerGradCam(model, layer).attribute(x, target=target, relu_attributions=True)),
        },
    }


def text_case(name, model, embeddings):
    model = coarse(model)
    ids = torch.from_numpy(rng.integers(5, 40, size=(2, 7)))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    target = torch.tensor([1, 0])

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    logits = Logits().eval()
    baseline = torch.zeros_like(ids)
    with torch.no_grad():
        embeddings.weight[0] = 0
    lig = LayerIntegratedGradients(logits, embeddings)
    return {
        "name": name,
        "file": packed(logits, (ids[:1], mask[:1]), ["input_ids", "attention_mask"]),
        "inputs": {"input_ids": ids.tolist(), "attention_mask": mask.tolist()},
        "target": target.tolist(),
        "captum": {
            "integrated-gradients": numbers(
                lig.attribute(ids, baselines=baseline, additional_forward_args=(mask,), target=target, n_steps=STEPS)
            ),
        },
    }


def decoder_case(name, model, embeddings):
    """The next token: the last position of logits [N, T, V], which the file gives whole."""
    model = coarse(model)
    ids = torch.from_numpy(rng.integers(5, 40, size=(2, 6)))
    target = torch.tensor([7, 21])

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids):
            return self.model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids)).logits

    logits = Logits().eval()
    with torch.no_grad():
        embeddings.weight[0] = 0
    last = lambda ids: logits(ids)[:, -1]
    seen = []
    hook = embeddings.register_forward_hook(lambda _m, _i, out: seen.append(out) or out.retain_grad())
    last(ids).gather(1, target[:, None]).sum().backward()
    hook.remove()
    lig = LayerIntegratedGradients(last, embeddings)
    return {
        "name": name,
        "file": packed(logits, (ids[:1],), ["input_ids"]),
        "inputs": {"input_ids": ids.tolist()},
        "target": target.tolist(),
        "position": ids.shape[1] - 1,
        "captum": {
            "saliency": numbers(seen[0].grad.abs()),
            "integrated-gradients": numbers(lig.attribute(ids, baselines=torch.zeros_like(ids), target=target, n_steps=STEPS)),
        },
    }


def scikit_case():
    """A network that scikit-learn fitted and its own exporter wrote: probabilities of three classes of rows of five columns."""
    rows = rng.normal(size=(200, 5)).astype(np.float32)
    classes = (rows[:, 0] * rows[:, 1] + rows[:, 2] > 0).astype(int) + (rows[:, 3] > 0.7)
    fitted = MLPClassifier((12, 8), activation="tanh", max_iter=300, random_state=0).fit(rows, classes)
    layers = []
    for w, b in zip(fitted.coefs_, fitted.intercepts_):
        layer = nn.Linear(*w.shape)
        layer.weight.data, layer.bias.data = torch.from_numpy(w.T.astype(np.float32)), torch.from_numpy(b.astype(np.float32))
        layers += [layer, nn.Tanh()]
    model = nn.Sequential(*layers[:-1]).eval()
    x = torch.from_numpy(np.round(rows[:2], 2))
    file = to_onnx(fitted, rows[:1], options={"zipmap": False}, target_opset=17).SerializeToString()
    np.testing.assert_allclose(fitted.predict_proba(x.numpy()), torch.softmax(model(x), 1).detach().numpy(), rtol=1e-5)
    target = torch.tensor([1, 2])
    return {
        "name": "scikit-learn",
        "file": base64.b64encode(zlib.compress(file, 9)).decode(),
        "inputs": {"X": numbers(x)},
        "hasLabels": True,  # an output of labels by an op of ONNX-ML, which is cut off before gradients
        "target": target.tolist(),
        "captum": {
            "saliency": numbers(Saliency(model).attribute(x.clone(), target=target)),
            "input-x-gradient": numbers(InputXGradient(model).attribute(x.clone(), target=target)),
            "integrated-gradients": numbers(IntegratedGradients(model).attribute(x.clone(), target=target, n_steps=STEPS)),
        },
    }


class Keras(nn.Module):
    """A network in the manner of Keras: sigmoid-weighted units, dropout that is off, a dense head."""

    def __init__(self):
        super().__init__()
        self.conv2d = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.conv2d_1 = nn.Conv2d(8, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.dense = nn.Linear(16 * 8 * 8, 4)

    def forward(self, x):
        h = nn.functional.silu(self.conv2d(x))
        h = torch.tanh(self.norm(self.conv2d_1(h)))
        return self.dense(nn.functional.dropout(h.flatten(1), 0.3, self.training))


resnet = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=4)
resnet.conv1, resnet.bn1, resnet.inplanes = nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16), 16
resnet.layer1 = resnet._make_layer(torchvision.models.resnet.BasicBlock, 16, 1)
resnet.layer2 = resnet._make_layer(torchvision.models.resnet.BasicBlock, 32, 1, stride=2)
resnet.layer3, resnet.layer4 = nn.Identity(), nn.Identity()
resnet.fc = nn.Linear(32, 4)
small = torchvision.models.mobilenetv3.InvertedResidualConfig
mobile = torchvision.models.MobileNetV3(
    [small(16, 3, 16, 16, True, "RE", 2, 1, 1.0), small(16, 3, 32, 24, True, "HS", 1, 1, 1.0)], last_channel=32, num_classes=4
)
bert = BertConfig(
    vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=16, num_labels=2,
    attn_implementation="eager",
)
kerasish = Keras()
vit = torchvision.models.VisionTransformer(
    image_size=16, patch_size=4, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=4
)
with torch.no_grad():
    nn.init.normal_(vit.heads.head.weight, 0, 0.3)
    for layer in (mobile.classifier[0], mobile.classifier[3]):
        nn.init.normal_(layer.weight, 0, 0.3)

cases = [
    image_case("resnet", resnet, resnet.layer2, "layer2"),
    image_case("mobilenet-v3", mobile, mobile.features[-1], "features.3"),
    image_case("keras-style", kerasish, kerasish.norm, "conv2d_1"),  # the exporter folds the norm into it
    text_case("bert", (model := BertForSequenceClassification(bert)), model.bert.embeddings.word_embeddings),
]
x = torch.from_numpy(np.round(rng.normal(size=(2, 3, 16, 16)), 2).astype(np.float32))
vit = coarse(vit)
cases.append(
    {
        "name": "vit",
        "file": packed(vit, x[:1], ["image"]),
        "inputs": {"image": numbers(x)},
        "target": [1, 2],
        "captum": {
            "saliency": numbers(Saliency(vit).attribute(x, target=torch.tensor([1, 2]))),
            "integrated-gradients": numbers(IntegratedGradients(vit).attribute(x, target=torch.tensor([1, 2]), n_steps=STEPS)),
        },
    }
)
gpt2 = GPT2Config(
    vocab_size=40, n_positions=16, n_embd=16, n_layer=2, n_head=2, use_cache=False, tie_word_embeddings=False, attn_implementation="eager"
)
cases.append(decoder_case("gpt2", (model := GPT2LMHeadModel(gpt2)), model.transformer.wte))
cases.append(scikit_case())

golden = {
    "madeBy": "scripts/golden/explain-onnx.py, " + ", ".join(f"{name} {version(name)}" for name in ("captum", "torch", "torchvision", "transformers", "scikit-learn", "skl2onnx")),
    "steps": STEPS,
    "cases": cases,
}
path = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden" / "explain-onnx.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print({case["name"]: len(case["file"]) for case in cases}, path.stat().st_size)
