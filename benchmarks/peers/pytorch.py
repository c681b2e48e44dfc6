"""torch: interpolate(antialias=True) on uint8, which is what torchvision's Resize calls."""

from __future__ import annotations

from typing import Callable

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def antialiased(case) -> Callable[[np.ndarray], np.ndarray]:
    spec, (width, height), (x, y) = case.spec, case.resized, case.crop
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (spec.mean, spec.std))
    factor, offset = spec.rescale_factor / std, -mean / std
    out = torch.empty(spec.shape)

    def run(bgr: np.ndarray) -> np.ndarray:
        # Channels last in memory, for which torch has vector code.
        frame = torch.from_numpy(bgr).permute(2, 0, 1)[None]
        small = F.interpolate(frame, (height, width), mode=spec.interpolation, antialias=True)
        part = small[0, :, y : y + spec.height, x : x + spec.width].flip(0)
        torch.mul(part, factor, out=out[0])
        out.add_(offset)
        return out.numpy()

    return run
