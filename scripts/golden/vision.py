"""Golden pictures of image operations: `python scripts/golden/vision.py > test/golden/vision.json` (torchvision, uint8 tensors)."""

import json

import torch
import torchvision
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

generator = torch.Generator().manual_seed(5)
# A smooth picture with noise, so that interpolation and histograms both have something to do.
y, x = torch.meshgrid(torch.arange(9.0), torch.arange(12.0), indexing="ij")
smooth = torch.stack([20 * y + 5 * x, 200 - 15 * x + 3 * y, 60 + 8 * y * x % 150])
image = (smooth + 30 * torch.rand(3, 9, 12, generator=generator)).clamp(0, 255).to(torch.uint8)
grey = image[:1]
bilinear = InterpolationMode.BILINEAR

cases = []


def case(name, args, source, result):
    cases.append({"name": name, "args": args, "shape": list(result.shape), "grey": source is grey, "data": result.flatten().tolist()})


for source in (image, grey):
    for factor in (0.0, 0.6, 1.7):
        case("brightness", [factor], source, F.adjust_brightness(source, factor))
        case("contrast", [factor], source, F.adjust_contrast(source, factor))
        case("sharpness", [factor], source, F.adjust_sharpness(source, factor))
    for bits in (2, 5):
        case("posterize", [bits], source, F.posterize(source, bits))
    case("solarize", [128], source, F.solarize(source, 128))
    case("autoContrast", [], source, F.autocontrast(source))
    case("equalize", [], source, F.equalize(source))
    case("flipHorizontal", [], source, F.hflip(source))
    case("flipVertical", [], source, F.vflip(source))
    for size in ((9, 12), (18, 30), (4, 5), (3, 12), (20, 6)):
        case("resize", list(size), source, F.resize(source, list(size), bilinear, antialias=True))
    case("resizeBox", [2, 3, 6, 8, 10, 7], source, F.resized_crop(source, 2, 3, 6, 8, [10, 7], bilinear, antialias=True))
    case("crop", [-2, -3, 9, 12], source, F.crop(source, -2, -3, 9, 12))
    case("crop", [3, 4, 9, 12], source, F.crop(source, 3, 4, 9, 12))
    for degrees, tx, ty, scale, sx, sy in ((30, 0, 0, 1, 0, 0), (0, 3, -2, 1, 0, 0), (-12, 1, 2, 1.2, 0, 0), (0, 0, 0, 1, 17, 0), (0, 0, 0, 1, 0, -17)):
        case(
            "affine",
            [degrees, tx, ty, scale, sx, sy],
            source,
            F.affine(source, degrees, [tx, ty], scale, [sx, sy], bilinear),
        )
for factor in (0.0, 0.6, 1.7):
    case("saturation", [factor], image, F.adjust_saturation(image, factor))
for factor in (-0.3, 0.1, 0.5):
    case("hue", [factor], image, F.adjust_hue(image, factor))

print(
    json.dumps(
        {
            "made": {"torch": torch.__version__, "torchvision": torchvision.__version__},
            "image": {"shape": list(image.shape), "data": image.flatten().tolist()},
            "cases": cases,
        }
    )
)
