"""Golden FLOPs: `python scripts/golden/flops.py > test/golden/flops.json` (PyTorch, torchvision, transformers).

What `torch.utils.flop_counter.FlopCounterMode` counts of products and convolutions, forward and backward, on the meta device: a
multiply-add is two. Attention is computed by its products, since the counter has no entry for the fused form on a CPU. Of convolutions in
groups the counter has the forward right and the backward as if there were no groups, so MobileNets have no number for it here.
"""

import json

import torch
import torchvision
import transformers
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

BATCH = 2
torch.set_default_device("meta")


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def resnet18_cifar():
    model = torchvision.models.resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    model.maxpool = nn.Identity()
    return model


def measured(model, *inputs, **named):
    model.train()
    with sdpa_kernel(SDPBackend.MATH):
        forward, backward = FlopCounterMode(display=False), FlopCounterMode(display=False)
        with forward:
            output = model(*inputs, **named)
        with backward:
            loss = output.sum() if isinstance(output, torch.Tensor) else output.logits.sum()
            loss.backward()
    grouped = any(isinstance(m, nn.Conv2d) and m.groups > 1 for m in model.modules())
    return {"forward": forward.get_total_flops(), "backward": None if grouped else backward.get_total_flops()}


def image(side, channels=3):
    return torch.empty(BATCH, channels, side, side)


tv = torchvision.models
rows = {
    "mlp": measured(mlp(), image(28, 1)),
    "lenet-5": measured(lenet(), image(28, 1)),
    "alexnet": measured(tv.alexnet(), image(224)),
    "vgg-16": measured(tv.vgg16(), image(224)),
    "googlenet": measured(tv.googlenet(aux_logits=False, init_weights=False), image(224)),
    "resnet-18": measured(tv.resnet18(), image(224)),
    "resnet-50": measured(tv.resnet50(), image(224)),
    "resnet-18-cifar": measured(resnet18_cifar(), image(32)),
    "densenet-121": measured(tv.densenet121(), image(224)),
    "mobilenet-v3-small": measured(tv.mobilenet_v3_small(), image(224)),
    "mobilenet-v3-large": measured(tv.mobilenet_v3_large(), image(224)),
    "vit-b-16": measured(tv.vit_b_16(), image(224)),
}

# The masks of these read numbers.
torch.set_default_device("cpu")
ids = torch.zeros(BATCH, 32, dtype=torch.long)
bert = transformers.BertConfig(vocab_size=1000, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
                               max_position_embeddings=64, num_labels=3, attn_implementation="eager")
rows["bert"] = measured(transformers.BertForSequenceClassification(bert), input_ids=ids, attention_mask=torch.ones_like(ids))
gpt2 = transformers.GPT2Config(vocab_size=1000, n_positions=64, n_embd=128, n_layer=2, n_head=4, attn_implementation="eager")
rows["gpt2"] = measured(transformers.GPT2LMHeadModel(gpt2), input_ids=ids, use_cache=False)

libraries = {"torch": torch.__version__, "torchvision": torchvision.__version__, "transformers": transformers.__version__}
print(json.dumps({"libraries": libraries, "batch": BATCH, "models": rows}, indent=1))
