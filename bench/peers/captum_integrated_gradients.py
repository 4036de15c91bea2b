"""Captum in the case integrated-gradients: torchvision's ResNet-18, channels first or last, its own batches of 10 gradients."""

from torch_peer import serve


def prepare(tensors, settings, variant):
    import captum
    import torch
    import torchvision
    from captum.attr import IntegratedGradients

    layout = torch.contiguous_format if variant == "eager" else torch.channels_last
    model = torchvision.models.resnet18(weights=None).eval()
    state = model.state_dict()
    with torch.no_grad():
        for name, value in state.items():
            if not name.endswith("num_batches_tracked"):
                value.copy_(torch.from_numpy(tensors[name]))
    model = model.to(memory_format=layout)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    images = [torch.from_numpy(image).to(memory_format=layout) for image in tensors["images"]]
    method = IntegratedGradients(model, multiply_by_inputs=True)
    at = 0

    def step():
        nonlocal at
        x = images[at % len(images)]
        at += 1
        attribution, _ = method.attribute(
            x, target=int(settings["target"]), n_steps=int(settings["steps"]), internal_batch_size=10, return_convergence_delta=True
        )
        return attribution.abs().sum().item()

    how = "channels first" if variant == "eager" else "channels last"
    return step, f"captum {captum.__version__}, {how}, parameters without gradients, internal_batch_size 10"


serve(prepare)
