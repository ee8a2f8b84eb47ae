"""A small convolutional classifier, whose last hidden layer gives 128 features."""

import hashlib
import math
from collections.abc import Callable

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.engine.seeds import derive, generator, reseed

VERSION = 1  # of the architecture and of the training: extractors in caches belong to one
LARGEST = 32  # pixels a side; larger pictures are scaled down first
PEAK_LR = 6e-3
SHIFT = 1  # pixels by which training pictures are moved about
AT_ONCE = 1000

Progress = Callable[[int, float], None]


class Classifier(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1] become features (N, 128) and scores of the classes (N, classes)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_layer(channels, 16, 5),
            nn.MaxPool2d(2),
            *_layer(16, 32, 3),
            nn.MaxPool2d(2),
            *_layer(32, 64, 3),
            *_layer(64, 128, 3, stride=2),
        )
        self.head = nn.Linear(128, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features, not below 0, and scores."""
        if max(x.shape[2:]) > LARGEST:
            x = functional.interpolate(x, (LARGEST, LARGEST), mode="area")
        features = self.body(x).mean((2, 3))
        return features, self.head(features)


def _layer(inputs: int, outputs: int, size: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def make(channels: int, classes: int, seed: int = 0) -> Classifier:
    """A classifier with random weights, the same for the same seed; torch's own noise is left as it was."""
    with torch.random.fork_rng(devices=[]):
        reseed(derive(seed, "classifier"), torch.device("cpu"))
        # Twice as fast on processors with the channels last.
        return Classifier(channels, classes).eval().to(memory_format=torch.channels_last)


def train(
    pixels: Tensor,
    labels: Tensor,
    classes: int,
    value_range: tuple[float, float] = (0.0, 255.0),
    *,
    epochs: float = 4,
    batch: int = 100,
    most_steps: int = 2400,
    seed: int = 0,
    progress: Progress = lambda step, loss: None,
) -> Classifier:
    """A classifier of pictures (N, C, H, W), trained on the processor, its weights rounded to float16.

    value_range: of the pictures, which it sees in [-1, 1] and moved by up to a pixel. progress: told every
    hundredth step and its loss.
    """
    network = make(pixels.shape[1], classes, seed).train()
    steps = min(max(round(epochs * len(pixels) / batch), 200), most_steps)
    optimizer = torch.optim.Adam(network.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LR, steps)
    source = generator(derive(seed, "batches"))
    passes = range(math.ceil(steps * batch / len(pixels)))
    order = torch.cat([torch.randperm(len(pixels), generator=source) for _ in passes])
    with torch.enable_grad():
        for step in range(steps):
            rows = order[step * batch : (step + 1) * batch]
            _, scores = network(shifted(scaled(pixels[rows], value_range), source))
            loss = functional.cross_entropy(scores, labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if step % 100 == 0:
                progress(step, loss.item())
    return network.half().float().eval().requires_grad_(False)


def scaled(pixels: Tensor, value_range: tuple[float, float] = (0.0, 255.0)) -> Tensor:
    """Pixels in [-1, 1]."""
    low, high = value_range
    return (pixels.float() - low) * (2 / (high - low)) - 1


def shifted(pictures: Tensor, source: torch.Generator) -> Tensor:
    """The pictures moved together by up to a pixel each way; what comes in is as the edge was."""
    down, right = torch.randint(2 * SHIFT + 1, (2,), generator=source).tolist()
    padded = functional.pad(pictures, (SHIFT,) * 4, mode="replicate")
    return padded[:, :, down : down + pictures.shape[2], right : right + pictures.shape[3]]


@torch.no_grad()
def accuracy(network: Classifier, pixels: Tensor, labels: Tensor) -> float:
    """The share of uint8 pictures whose class is found."""
    parts = zip(torch.split(pixels, AT_ONCE), torch.split(labels, AT_ONCE), strict=True)
    right = sum(int((network(scaled(x))[1].argmax(1) == y).sum()) for x, y in parts)
    return right / len(labels)


def encode(network: Classifier) -> bytes:
    """The weights and buffers as the content of a safetensors file, in float16."""
    halves = {n: v.half() if v.is_floating_point() else v for n, v in network.state_dict().items()}
    return safetensors.torch.save({name: value.contiguous() for name, value in halves.items()})


def decode(content: bytes, channels: int, classes: int) -> Classifier:
    """The classifier that `encode` wrote. Raises the errors of `ganzoo.engine.tensor_file.UNREADABLE`."""
    network = make(channels, classes)
    network.load_state_dict(safetensors.torch.load(content))
    if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
        raise ValueError("some weights are not finite")
    return network.requires_grad_(False)


def digest(network: nn.Module) -> str:
    """The checksum of a network's weights and buffers, with their names, types and shapes."""
    hasher = hashlib.sha256()
    for name, value in network.state_dict().items():
        hasher.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        hasher.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return hasher.hexdigest()
