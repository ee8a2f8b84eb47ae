"""The patch discriminator: a score for each overlapping patch (Isola et al., 2016, arXiv:1611.07004)."""

from typing import Annotated, Literal

from torch import Tensor, nn

from ganzoo.options import Bounds, PositiveInt
from ganzoo.spec import DataSpec
from ganzoo_translation.halves import init_normal


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) -> a score for each patch (N, patches) (section 3.2.2).

    layers: halvings, which decide how large the patches are: 1 for 16 x 16 pixels, 2 for 34, 3 for 70 (the
    paper's), 5 for 286. norm: batch is pix2pix's; instance is CycleGAN's. width: filters of the first layer;
    the next have 2, 4 and 8 times as many.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        layers: Annotated[int, Bounds(1, 8)] = 2,
        width: PositiveInt = 64,
        norm: Literal["batch", "instance", "none"] = "batch",
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it judges pictures and the data are {spec.shape_text}")
        smallest = min(spec.shape[1:]) >> layers
        # Two more convolutions take a pixel each, and instance norm needs more than one place.
        if smallest < 4:
            least = f"{4 << layers} pixels and more"
            raise ValueError(f"it judges pictures of {least} and the data are {spec.shape_text}")
        norms = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": lambda _: nn.Identity()}
        self.layers = nn.Sequential(nn.Conv2d(spec.shape[0], width, 4, 2, 1), nn.LeakyReLU(0.2))
        before = width
        for index in range(1, layers + 1):
            after = width * min(2**index, 8)
            stride = 2 if index < layers else 1
            convolution = nn.Conv2d(before, after, 4, stride, 1, bias=norm == "none")
            self.layers.extend([convolution, norms[norm](after), nn.LeakyReLU(0.2)])
            before = after
        self.layers.append(nn.Conv2d(before, 1, 4, 1, 1))
        init_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(1)
