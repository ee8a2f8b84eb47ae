"""The six systems as a tutorial writes them: straight-line loops with a DataLoader, picture by picture.

Each is a generator function: every `next` is one step, the feed included. They train networks of the same
layers as ganzoo's (torch's own, with a sigmoid at the end), with the same batch, and print nothing; where a
tutorial would print a number, they fetch it with `.item()`.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from ganzoo.engine.run import Run
from ganzoo.layers import SameConv2d, SameConvTranspose2d


class Pictures(Dataset[tuple[Tensor, int]]):
    """What torchvision's MNIST class does: a PIL picture, a transform, an item at a time."""

    def __init__(self, run: Run, *steps: Callable[[object], object]) -> None:
        samples = run.samples("train")
        assert samples is not None
        assert samples.labels is not None
        self.values, self.labels = samples.values, samples.labels
        self.transform = transforms.Compose([transforms.ToTensor(), *steps])

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.values[index, 0].numpy())
        return self.transform(picture), int(self.labels[index])


def endless(run: Run, *steps: Callable[[object], object]) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches, epoch after epoch."""
    while True:
        yield from DataLoader(Pictures(run, *steps), run.recipe.batch, shuffle=True)


def vanilla(run: Run) -> Iterator[None]:
    """System A: the log loss on probabilities, dropout."""

    def mlp(sizes: tuple[int, ...], activation: nn.Module, last: nn.Module) -> nn.Sequential:
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes[:-1]):
            layers += [nn.Linear(before, after), activation, nn.Dropout(0.1)]
        return nn.Sequential(*layers, nn.Linear(*sizes[-2:]), last)

    g, d = (
        mlp((100, 256, 256, 784), nn.ReLU(), nn.Tanh()),
        mlp((784, 256, 256, 1), nn.LeakyReLU(0.01), nn.Sigmoid()),
    )
    d_adam, g_adam = torch.optim.Adam(d.parameters(), lr=2e-4), torch.optim.Adam(g.parameters(), lr=2e-4)
    for images, _ in endless(run, transforms.Normalize((0.5,), (0.5,))):
        real = images.view(-1, 784)
        d_adam.zero_grad()
        fake = g(torch.randn(len(real), 100))
        d_loss = torch.mean(-torch.log(d(real)) - torch.log(1 - d(fake)))
        d_loss.backward()
        d_adam.step()
        g_adam.zero_grad()
        g_loss = torch.mean(-torch.log(d(g(torch.randn(len(real), 100)))))
        g_loss.backward()
        g_adam.step()
        d_loss.item(), g_loss.item()
        yield


def vanilla_bn(run: Run) -> Iterator[None]:
    """System B: batch norm, generator first, the same fakes."""

    def block(before: int, after: int, norm: bool = True) -> list[nn.Module]:
        return [nn.Linear(before, after), *([nn.BatchNorm1d(after, 0.8)] if norm else []), nn.LeakyReLU(0.2)]

    hidden = [*block(100, 128, False), *block(128, 256), *block(256, 512), *block(512, 1024)]
    g = nn.Sequential(*hidden, nn.Linear(1024, 784), nn.Tanh())
    d = nn.Sequential(*block(784, 512, False), *block(512, 256, False), nn.Linear(256, 1), nn.Sigmoid())
    bce, adam = nn.BCELoss(), {"lr": 2e-4, "betas": (0.5, 0.999)}
    g_adam, d_adam = torch.optim.Adam(g.parameters(), **adam), torch.optim.Adam(d.parameters(), **adam)
    for images, _ in endless(run, transforms.Normalize((0.5,), (0.5,))):
        real = images.view(-1, 784)
        valid, wrong = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        g_adam.zero_grad()
        fake = g(torch.randn(len(real), 100))
        g_loss = bce(d(fake), valid)
        g_loss.backward()
        g_adam.step()
        d_adam.zero_grad()
        d_loss = (bce(d(real), valid) + bce(d(fake.detach()), wrong)) / 2
        d_loss.backward()
        d_adam.step()
        d_loss.item(), g_loss.item()
        yield


def cgan(run: Run) -> Iterator[None]:
    """System C: the label, one-hot, beside noise and image."""
    g = nn.Sequential(nn.Linear(138, 512), nn.LeakyReLU(0.2), nn.Linear(512, 784), nn.Tanh())
    d = nn.Sequential(
        nn.Linear(794, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(512, 1), nn.Sigmoid()
    )
    bce = nn.BCELoss()
    g_adam, d_adam = torch.optim.Adam(g.parameters(), lr=1e-3), torch.optim.Adam(d.parameters(), lr=1e-3)
    for images, labels in endless(run, transforms.Normalize((0.5,), (0.5,))):
        real, label = images.view(-1, 784), nn.functional.one_hot(labels, 10).float()
        valid, wrong = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        d_adam.zero_grad()
        fake = g(torch.cat((torch.randn(len(real), 128), label), 1))
        d_real = d(torch.cat((real, label), 1))
        d_loss = bce(d_real, valid) + bce(d(torch.cat((fake.detach(), label), 1)), wrong)
        d_loss.backward()
        d_adam.step()
        g_adam.zero_grad()
        fake = g(torch.cat((torch.randn(len(real), 128), label), 1))
        g_loss = bce(d(torch.cat((fake, label), 1)), valid)
        g_loss.backward()
        g_adam.step()
        d_loss.item(), g_loss.item()
        yield


def gaussian(run: Run) -> Iterator[None]:
    """System D: one hidden layer, smoothed labels, RMSprop, the same noise."""
    g = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))
    d = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
    bce, samples = nn.BCELoss(), run.samples("train")
    assert samples is not None
    d_rms = torch.optim.RMSprop(d.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    g_rms = torch.optim.RMSprop(g.parameters(), lr=5e-4, alpha=0.9, eps=1e-7)
    while True:
        for start, end in ((0, 333), (333, 666), (666, 1000)):
            real = samples.values[start:end]
            z = torch.rand(len(real), 16) * 2 - 1
            fake = g(z)
            joined = torch.cat((real, fake.detach()))
            labels = torch.cat((torch.full((len(real), 1), 0.9), torch.full((len(real), 1), 0.1)))
            d_rms.zero_grad()
            d_loss = bce(d(joined), labels)
            d_loss.backward()
            d_rms.step()
            g_rms.zero_grad()
            g_loss = bce(d(g(z)), torch.full((len(real), 1), 0.9))
            g_loss.backward()
            g_rms.step()
            d_loss.item(), g_loss.item()
            yield


def dcgan(run: Run) -> Iterator[None]:
    """System E: convolutions, fakes from running statistics, losses and accuracies."""
    hidden: list[nn.Module] = [nn.Linear(100, 7 * 7 * 128), nn.Unflatten(1, (128, 7, 7))]
    for before, after, stride in ((128, 128, 2), (128, 64, 2), (64, 32, 1), (32, 1, 1)):
        hidden += [
            nn.BatchNorm2d(before, 1e-3, 0.01),
            nn.ReLU(),
            SameConvTranspose2d(before, after, 5, stride),
        ]
    g = nn.Sequential(*hidden, nn.Sigmoid())
    layers: list[nn.Module] = []
    for before, after, stride in ((1, 32, 2), (32, 64, 2), (64, 128, 2), (128, 256, 1)):
        layers += [nn.LeakyReLU(0.2), SameConv2d(before, after, 5, stride)]
    d = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4096, 1), nn.Sigmoid())
    bce = nn.BCELoss()
    d_rms = torch.optim.RMSprop(d.parameters(), lr=2e-4, alpha=0.9, eps=1e-7)
    g_rms = torch.optim.RMSprop(g.parameters(), lr=1e-4, alpha=0.9, eps=1e-7)
    for real, _ in endless(run):
        valid, wrong = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        g.eval()
        fake = g(torch.rand(len(real), 100) * 2 - 1)
        g.train()
        d_rms.zero_grad()
        answers, labels = d(torch.cat((real, fake.detach()))), torch.cat((valid, wrong))
        d_loss = bce(answers, labels)
        d_loss.backward()
        d_rms.step()
        d_loss.item(), ((answers > 0.5) == (labels > 0.5)).float().mean().item()
        g_rms.zero_grad()
        answers = d(g(torch.rand(len(real), 100) * 2 - 1))
        g_loss = bce(answers, valid)
        g_loss.backward()
        g_rms.step()
        g_loss.item(), (answers > 0.5).float().mean().item()
        yield


def fashion(run: Run) -> Iterator[None]:
    """System F: a plain perceptron, the same noise through the generator again."""
    g = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh()
    )
    hidden = [nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 256), nn.LeakyReLU(0.2)]
    d = nn.Sequential(*hidden, nn.Linear(256, 1), nn.Sigmoid())
    bce = nn.BCELoss()
    d_adam, g_adam = torch.optim.Adam(d.parameters(), lr=2e-4), torch.optim.Adam(g.parameters(), lr=2e-4)
    for images, _ in endless(run, transforms.Normalize((0.5,), (0.5,))):
        real = images.view(-1, 784)
        valid, wrong = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        z = torch.randn(len(real), 64)
        d_real, fake = d(real), g(z)
        d_fake = d(fake)
        d_loss = bce(d_real, valid) + bce(d_fake, wrong)
        d_adam.zero_grad()
        g_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        d_loss.item(), d_real.mean().item(), d_fake.mean().item()
        g_loss = bce(d(g(z)), valid)
        d_adam.zero_grad()
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()
        g_loss.item()
        yield


SCRIPTS: Mapping[str, Callable[[Run], Iterator[None]]] = MappingProxyType(
    {
        "vanilla": vanilla,
        "vanilla-bn": vanilla_bn,
        "cgan": cgan,
        "gaussian": gaussian,
        "dcgan": dcgan,
        "fashion": fashion,
    }
)
