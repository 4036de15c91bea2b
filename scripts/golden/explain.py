"""Writes test/golden/explain.json: attributions and measures by Captum, shap, lime, zennit and pytorch-grad-cam. Run: python scripts/golden/explain.py

Models are small enough for their weights to stand in the file, so that Descent computes with the same numbers.
"""

import json
import pathlib
from importlib.metadata import version

import lime.lime_base
import numpy as np
import shap
import torch
from captum.attr import (
    DeepLift,
    DeepLiftShap,
    FeatureAblation,
    GuidedBackprop,
    GuidedGradCam,
    InputXGradient,
    IntegratedGradients,
    LayerGradCam,
    LayerIntegratedGradients,
    NeuronIntegratedGradients,
    Occlusion,
    Saliency,
)
from captum.metrics import infidelity, sensitivity_max
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, LayerCAM, ScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from sklearn.linear_model import LinearRegression
from torch import nn
from zennit.attribution import Gradient
from zennit.composites import EpsilonGammaBox, EpsilonPlus, LayerMapComposite
from zennit.rules import AlphaBeta, Epsilon, Gamma, Norm, Pass, ZPlus
from zennit.torchvision import SequentialMergeBatchNorm
from zennit.types import Activation, AvgPool, Convolution, Linear

torch.manual_seed(0)
rng = np.random.default_rng(0)


def rounded(model):
    """Parameters that a short decimal says exactly enough."""
    with torch.no_grad():
        for t in list(model.parameters()) + [b for b in model.buffers() if b.is_floating_point()]:
            t.copy_(torch.round(t * 1e4) / 1e4)
    return model.eval()


def numbers(t):
    return {"shape": list(t.shape), "data": [float(f"{v:.7g}") for v in t.detach().flatten().tolist()]}


class ConvNet(nn.Module):
    def __init__(self, norm=False, pool=None):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.relu1 = nn.ReLU()
        self.pool1 = pool or nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 5, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.AvgPool2d(2)
        self.fc1 = nn.Linear(20, 6)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(6, 3)

    def forward(self, x):
        h = self.pool1(self.relu1(self.norm1(self.conv1(x))))
        h = self.pool2(self.relu2(self.conv2(h)))
        return self.fc2(self.relu3(self.fc1(torch.flatten(h, 1))))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.act1, self.fc2, self.act2, self.fc3 = nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc3(self.act2(self.fc2(self.act1(self.fc1(x)))))


conv, normed, mlp = rounded(ConvNet()), rounded(ConvNet(norm=True)), rounded(Mlp())
with torch.no_grad():
    normed.norm1.weight.copy_(torch.tensor([1.1, 0.8, -0.7, 1.3]))
    normed.norm1.bias.copy_(torch.tensor([0.1, -0.2, 0.05, 0.3]))
    normed.norm1.running_mean.copy_(torch.tensor([0.2, -0.1, 0.15, 0.05]))
    normed.norm1.running_var.copy_(torch.tensor([0.9, 1.2, 0.6, 1.5]))


def data(*shape):
    return torch.from_numpy(np.round(rng.normal(size=shape), 3).astype(np.float32))


# Captum's rule for max-pool layers does not sum to the difference (its own convergence_delta says so): DeepLIFT is compared without one.
pooled = ConvNet(pool=nn.AvgPool2d(2)).eval()
pooled.load_state_dict(conv.state_dict())

image, blank, background = data(2, 2, 8, 8), data(1, 2, 8, 8), data(4, 2, 8, 8)
row, rows = data(2, 6), data(5, 6)
target = torch.tensor([1, 2])
masks = torch.arange(64).reshape(1, 1, 8, 8).div(16, rounding_mode="floor").expand(1, 2, 8, 8)

golden = {
    "madeBy": "scripts/golden/explain.py, "
    + ", ".join(f"{name} {version(name)}" for name in ("captum", "shap", "lime", "zennit", "grad-cam", "torch")),
    "models": {
        name: {path: numbers(t) for path, t in model.state_dict().items() if t.is_floating_point()}
        for name, model in (("conv", conv), ("normed", normed), ("mlp", mlp))
    },
    "inputs": {name: numbers(t) for name, t in dict(image=image, blank=blank, background=background, row=row, rows=rows).items()},
    "target": target.tolist(),
}

# --- Captum ---------------------------------------------------------------------------------------------------------

lig = LayerIntegratedGradients(conv, conv.relu1)
nig = NeuronIntegratedGradients(conv, conv.conv2)
golden["captum"] = {
    "saliency": numbers(Saliency(conv).attribute(image, target=target)),
    "input-x-gradient": numbers(InputXGradient(conv).attribute(image, target=target)),
    "integrated-gradients": numbers(IntegratedGradients(conv).attribute(image, baselines=blank, target=target, n_steps=50)),
    "integrated-gradients middle": numbers(
        IntegratedGradients(conv).attribute(image, target=target, n_steps=20, method="riemann_middle")
    ),
    "integrated-gradients mlp": numbers(IntegratedGradients(mlp).attribute(row, target=target, n_steps=32)),
    "layer integrated-gradients": numbers(lig.attribute(image, target=target, n_steps=32)),
    "neuron integrated-gradients": numbers(nig.attribute(image, (2, 1, 3), n_steps=32)),
    "deep-lift": numbers(DeepLift(pooled).attribute(image, baselines=blank, target=target)),
    "deep-lift mlp": numbers(DeepLift(mlp).attribute(row, target=target)),
    "deep-shap": numbers(DeepLiftShap(pooled).attribute(image, baselines=background, target=target)),
    "guided-backpropagation": numbers(GuidedBackprop(conv).attribute(image, target=target)),
    "grad-cam": numbers(LayerGradCam(conv, conv.relu2).attribute(image, target=target, relu_attributions=True)),
    "guided-grad-cam": numbers(GuidedGradCam(conv, conv.relu2).attribute(image, target=target, interpolate_mode="bilinear")),
    "occlusion": numbers(
        Occlusion(conv).attribute(image, target=target, baselines=blank, sliding_window_shapes=(2, 4, 4), strides=(2, 2, 2))
    ),
    "feature-ablation": numbers(FeatureAblation(mlp).attribute(row, target=target, baselines=rows[:1])),
}

perturbation = data(12, 6) * 0.1
attribution = InputXGradient(mlp).attribute(row[:1], target=1)
drops = mlp(row[:1])[0, 1] - mlp(row[:1] - perturbation)[:, 1]


def perturb(inputs):
    return perturbation, inputs - perturbation


moved = row[:1] + data(3, 6) * 0.02
shifts = iter(moved)
golden["measures"] = {
    "predicted": numbers(perturbation @ attribution[0]),
    "drops": numbers(drops),
    "infidelity": infidelity(mlp, lambda x: perturb(x), row[:1], attribution, target=1, n_perturb_samples=12, max_examples_per_batch=12).item(),
    "infidelity normalized": infidelity(
        mlp, lambda x: perturb(x), row[:1], attribution, target=1, n_perturb_samples=12, max_examples_per_batch=12, normalize=True
    ).item(),
    "moved": numbers(moved),
    "max-sensitivity": sensitivity_max(
        InputXGradient(mlp).attribute, row[:1], perturb_func=lambda x: next(shifts).unsqueeze(0), target=1, n_perturb_samples=3, max_examples_per_batch=1
    ).item(),
}

# --- pytorch-grad-cam ------------------------------------------------------------------------------------------------

golden["gradCam"] = {}
for name, method in {"grad-cam": GradCAM, "grad-cam-plus-plus": GradCAMPlusPlus, "layer-cam": LayerCAM}.items():
    with method(model=conv, target_layers=[conv.relu2]) as cam:
        golden["gradCam"][name] = numbers(
            torch.from_numpy(cam(input_tensor=image, targets=[ClassifierOutputTarget(t) for t in target.tolist()]))
        )
with ScoreCAM(model=conv, target_layers=[conv.relu1]) as cam:
    maps = [cam(input_tensor=image[i : i + 1], targets=[ClassifierOutputTarget(int(target[i]))]) for i in range(2)]
    golden["gradCam"]["score-cam"] = numbers(torch.from_numpy(np.concatenate(maps)))

# --- zennit ----------------------------------------------------------------------------------------------------------


def relevance(model, composite, x):
    model.zero_grad()
    with Gradient(model=model, composite=composite) as attributor:
        scores = model(x)
        start = torch.zeros_like(scores)
        start[torch.arange(len(x)), target[: len(x)]] = scores[torch.arange(len(x)), target[: len(x)]].detach()
        return numbers(attributor(x, start)[1])


def everywhere(rule):
    return LayerMapComposite([(Activation, Pass()), (AvgPool, Norm()), (Convolution, rule), (Linear, rule)])


golden["zennit"] = {
    "epsilon": relevance(conv, everywhere(Epsilon(epsilon=1e-6)), image),
    "epsilon 0.1": relevance(conv, everywhere(Epsilon(epsilon=0.1)), image),
    "gamma": relevance(conv, everywhere(Gamma(gamma=0.25)), image),
    "alpha-beta": relevance(conv, everywhere(AlphaBeta(alpha=2, beta=1)), image),
    "z-plus": relevance(conv, everywhere(ZPlus()), image),
    "epsilon-plus": relevance(conv, EpsilonPlus(), image),
    "epsilon-gamma-box": relevance(conv, EpsilonGammaBox(low=image[:1].min(), high=image[:1].max()), image[:1]),
    "epsilon normed": relevance(normed, EpsilonPlus(canonizers=[SequentialMergeBatchNorm()]), image),
}

# --- shap and lime ---------------------------------------------------------------------------------------------------


def scored(x):
    with torch.no_grad():
        return mlp(torch.from_numpy(np.asarray(x, dtype=np.float32)))[:, 1].numpy().astype(np.float64)


wide = np.round(rng.normal(size=(1, 10)), 3)
wide_background = np.round(rng.normal(size=(3, 10)), 3)
bend = np.round(rng.normal(size=(10, 10)), 3)


def wide_scored(x):
    x = np.asarray(x, dtype=np.float64)
    return np.tanh(x @ bend[:, :4]).sum(1) + (x[:, 0] * x[:, 1])


kernel = shap.KernelExplainer(wide_scored, wide_background)
wide_values = kernel.shap_values(wide, nsamples=200, l1_reg=False, silent=True)
linear = LinearRegression().fit(rows.numpy(), rows.numpy() @ np.array([1.5, -2.0, 0.0, 0.5, 3.0, -1.0]) + 0.25)
exact = shap.ExactExplainer(lambda x: scored(x), shap.maskers.Independent(rows.numpy(), max_samples=5))
golden["shap"] = {
    "exact": numbers(torch.from_numpy(exact(row.numpy()).values)),
    "kernel all": numbers(torch.from_numpy(shap.KernelExplainer(scored, rows.numpy()).shap_values(row.numpy(), nsamples=62, l1_reg=False, silent=True))),
    "kernel": {
        "masks": np.asarray(kernel.maskMatrix)[: kernel.nsamplesAdded].astype(int).tolist(),
        "weights": np.asarray(kernel.kernelWeights)[: kernel.nsamplesAdded].tolist(),
        "scores": np.asarray(kernel.ey)[: kernel.nsamplesAdded, 0].tolist(),
        "empty": float(np.ravel(kernel.expected_value)[0]),
        "full": float(wide_scored(wide)[0]),
        "values": np.ravel(wide_values).tolist(),
    },
    "linear": numbers(torch.from_numpy(shap.LinearExplainer(linear, rows.numpy()).shap_values(row.numpy()))),
    "linearModel": {"weights": linear.coef_.tolist(), "bias": float(linear.intercept_)},
}

switches = rng.integers(0, 2, size=(40, 6))
switches[0] = 1
lime_scores = np.round(switches @ np.array([1, -2, 0.5, 0, 3, 0.1]) + 0.3 * rng.normal(size=40), 4)
cosine = 1 - switches.sum(1) / np.sqrt(6 * np.maximum(switches.sum(1), 1e-30))
base = lime.lime_base.LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 0.25**2)))
intercept, weights, r2, _ = base.explain_instance_with_data(
    switches.astype(float), lime_scores[:, None], cosine, 0, num_features=6, feature_selection="none"
)
golden["lime"] = {
    "switches": switches.tolist(),
    "scores": lime_scores.tolist(),
    "coefficients": [v for _, v in sorted(weights)],
    "intercept": float(intercept),
    "r2": float(r2),
}

path = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden" / "explain.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
