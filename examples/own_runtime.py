"""Use only the preprocessor: the right tensor for a runtime of your own.

python examples/own_runtime.py [PHOTO]
"""

import sys
from pathlib import Path

import edgeclf

photo = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "photos" / "cat.jpg"

# What torchvision calls Resize(256), CenterCrop(224), ToTensor(), Normalize(mean, std).
spec = edgeclf.InputSpec(
    width=224,
    height=224,
    resize_mode="center-crop",
    resize_size=256,
    rescale_factor=1 / 255,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
preprocess = edgeclf.Preprocessor(spec)
tensor = preprocess(photo)  # float32, (1, 3, 224, 224); pass out= to write into your own memory
print(tensor.shape, tensor.dtype, f"mean {tensor.mean():.4f}, std {tensor.std():.4f}")
