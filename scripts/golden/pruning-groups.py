"""Groups of torch-pruning: `python scripts/golden/pruning-groups.py > test/golden/pruning-groups.json` (PyTorch, torchvision, torch-pruning).

Each group is everything that loses a slice when channels of one layer are pruned: paths of weights, and the axis that is shortened.
"""

import importlib.util
import json
import pathlib
import sys

import torch
import torch_pruning as tp
import torchvision

m = torchvision.models


def vision_models():
    """The forms of models that torchvision has not, from the script beside this one, without running it to its end."""
    source = pathlib.Path(__file__).with_name("vision-models.py").read_text().split("# As published")[0]
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("vision_models", loader=None))
    exec(compile(source, "vision-models.py", "exec"), module.__dict__)
    return module


own = vision_models()
inception = dict(aux_logits=False, init_weights=False)

# By the name of src/models/table.ts: maker and side of the images.
MODELS = {
    "alexnet": (m.alexnet, 224),
    "vgg-11-bn": (m.vgg11_bn, 224),
    "vgg-16": (m.vgg16, 224),
    "googlenet": (lambda: m.GoogLeNet(**inception), 224),
    "inception-v3": (lambda: m.Inception3(**inception), 299),
    "resnet-18": (m.resnet18, 224),
    "resnet-34": (m.resnet34, 224),
    "resnet-50": (m.resnet50, 224),
    "resnet-18-cifar": (lambda: own.small_stem(m.resnet18(num_classes=10), 64), 32),
    "densenet-40-cifar": (lambda: own.cifar_densenet(40), 32),
    "mobilenet-v3-small": (m.mobilenet_v3_small, 224),
    "mobilenet-v3-large": (m.mobilenet_v3_large, 224),
}


def groups(model, side):
    model.eval()
    graph = tp.DependencyGraph().build_dependency(model, example_inputs=torch.randn(1, 3, side, side))
    names = {module: name for name, module in model.named_modules()}
    last = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)][-1]
    found = []
    for group in graph.get_all_groups(
        ignored_layers=[dict(model.named_modules())[last]], root_module_types=[torch.nn.Conv2d, torch.nn.Linear]
    ):
        axes = set()
        for dep, _ in group:
            name = names.get(dep.target.module)
            if name is None or getattr(dep.target.module, "weight", None) is None:
                continue
            depthwise = isinstance(dep.target.module, torch.nn.Conv2d) and dep.target.module.groups > 1
            axis = 1 if graph.is_in_channel_pruning_fn(dep.handler) and not depthwise else 0
            if isinstance(dep.target.module, torch.nn.BatchNorm2d):
                axis = 0
            axes.add(f"{name}.weight {axis}")
        found.append(sorted(axes))
    return sorted(found)


result = {"madeBy": f"scripts/golden/pruning-groups.py, torch-pruning {tp.__version__}, torchvision {torchvision.__version__}", "groups": {}}
for name, (make, side) in MODELS.items():
    result["groups"][name] = groups(make(), side)
    print(name, len(result["groups"][name]), file=sys.stderr)
json.dump(result, sys.stdout, separators=(",", ":"))
