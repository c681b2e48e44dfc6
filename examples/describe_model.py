"""Tell edgeclf once what a model expects, and keep it in a file beside the model.

python examples/describe_model.py MODEL.onnx LABELS.txt
"""

import sys
from pathlib import Path

import edgeclf
from edgeclf import manifest

model, labels = Path(sys.argv[1]), Path(sys.argv[2])

# An ImageNet model from torchvision; its graph ends in logits.
spec = {
    "resize_mode": "center-crop",
    "resize_size": 256,
    "interpolation": "bilinear",
    "rescale_factor": 1 / 255,
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
    "activation": "softmax",
}
with edgeclf.Classifier(model, spec=spec, labels=labels) as classifier:
    sidecar = model.with_suffix(".json")
    manifest.write_sidecar(sidecar, classifier.input_spec, classifier.output_spec)
print(f"{sidecar} written; from now on edgeclf.Classifier({str(model)!r}) needs no arguments")
