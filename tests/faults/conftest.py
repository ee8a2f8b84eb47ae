"""One processor thread and no waiting for the disk: these runs are tiny, and many."""

from collections.abc import Iterator

import pytest
import torch

from faults.disk import Disk
from ganzoo import storage


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Also for tests elsewhere, by name."""
    monkeypatch.setattr(storage, "os", Disk())
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
