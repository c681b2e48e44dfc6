"""EfficientNet-Lite0 as plain data: a list of layers, nothing of any framework.

The network is MobileNet's inverted residual (expand 1x1, depthwise kxk, project 1x1, add) without
squeeze-and-excitation and with ReLU6, so that it quantises well. The stage table is that of
EfficientNet-B0 (Tan and Le 2019); stem and head stay at 32 and 1280 channels.
"""

from __future__ import annotations

from dataclasses import dataclass

SIDE = 224  # pixels, width and height of the input
CLASSES = 1000
HEAD_CHANNELS = 1280

# expansion, kernel, stride of the first block, channels in, channels out, blocks
STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)


@dataclass(frozen=True)
class Conv:
    """A convolution with its BatchNorm folded in, and ReLU6 after it unless said otherwise.

    ``output`` is the tensor it makes and the layer's name; ``weight`` and ``norm`` are the prefixes
    of its trained tensors. ``side`` is the width and height of its input, known because the network
    takes one size: it decides the padding.
    """

    output: str
    input: str
    weight: str
    norm: str
    side: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    relu6: bool = True

    @property
    def output_side(self) -> int:
        return -(-self.side // self.stride)

    def padding(self) -> tuple[int, int]:
        """Pixels before and after, TensorFlow's SAME: the odd one goes to the bottom right."""
        total = max((self.output_side - 1) * self.stride + self.kernel - self.side, 0)
        return total // 2, total - total // 2


@dataclass(frozen=True)
class Add:
    """The residual sum of two tensors of one shape."""

    output: str
    inputs: tuple[str, str]


def layers() -> list[Conv | Add]:
    """Everything between ``image`` and ``features`` (1280 channels of 7 x 7), in order."""
    stem = Conv("stem", "image", "_conv_stem", "_bn0", SIDE, kernel=3, stride=2)
    plan: list[Conv | Add] = [stem]
    side, index = stem.output_side, 0
    for expansion, kernel, first_stride, channels_in, channels_out, blocks in STAGES:
        for number in range(blocks):
            stride = first_stride if number == 0 else 1
            source = plan[-1].output
            block = _block(index, source, side, expansion, kernel, stride)
            if stride == 1 and (number > 0 or channels_in == channels_out):
                block.append(Add(f"block{index}_add", (source, block[-1].output)))
            plan += block
            side, index = side // stride, index + 1
    plan.append(Conv("features", plan[-1].output, "_conv_head", "_bn1", side))
    return plan


def _block(
    index: int, source: str, side: int, expansion: int, kernel: int, stride: int
) -> list[Conv | Add]:
    """Expand (where the block does), depthwise, project: the shortcut is the caller's."""
    name, trained = f"block{index}", f"_blocks.{index}."
    expand = Conv(f"{name}_expand", source, f"{trained}_expand_conv", f"{trained}_bn0", side)
    depthwise = Conv(
        f"{name}_depthwise",
        expand.output if expansion > 1 else source,
        f"{trained}_depthwise_conv",
        f"{trained}_bn1",
        side,
        kernel,
        stride,
        depthwise=True,
    )
    project = Conv(
        f"{name}_project",
        depthwise.output,
        f"{trained}_project_conv",
        f"{trained}_bn2",
        depthwise.output_side,
        relu6=False,
    )
    return [expand, depthwise, project] if expansion > 1 else [depthwise, project]
