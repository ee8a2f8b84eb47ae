"""Many ranks, one run: each plays some rows of every batch, and all take the same steps.

The recipe's batch is that of all ranks together. Every rank works out the whole order of the data and draws
the noise of the whole batch, and keeps its rows of both: what is learnt does not depend on the number of
ranks, but for the rounding of sums, and for dropout and other draws of the networks' own.
"""

import atexit
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from ganzoo.engine import launch
from ganzoo.engine.seeds import derive, generator, reseed
from ganzoo.errors import PeerError, UsageError

BUCKET_BYTES = 25 * 2**20
# As long as rank 0 may draw and measure; a rank that dies closes its connections, which is noticed at once.
PATIENCE = timedelta(minutes=60)


class Group:
    """The ranks of a run. Alone, every method gives back what it was given.

    rows: those of the step's batch that this rank plays; None between steps, when no rank waits for another.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self.rows: slice | None = None
        self.count = 0
        self.noise: torch.Generator | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Group":
        return self

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes files, calls callbacks and prints."""
        return self.rank == 0

    def require(self, smallest_batch: int) -> None:
        """Raise UsageError where a batch has no row for some rank."""
        if smallest_batch < self.size:
            few = f"the smallest batch of an epoch has {smallest_batch} samples for {self.size} ranks"
            raise UsageError(f"{few}. Use fewer ranks, a larger --batch or --set last_batch=drop.")

    @contextmanager
    def step(self, count: int, seed: int, device: torch.device) -> Iterator[slice | None]:
        """Play a step of `count` samples with random numbers from a seed; the rows of this rank."""
        if self.size == 1:
            reseed(seed, device)
            yield None
            return
        self.rows = slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)
        self.count, self.noise = count, generator(seed, device)
        reseed(derive(seed, "rank", self.rank), device)  # what networks draw is for the rows of this rank
        try:
            yield self.rows
        finally:
            self.rows = None

    def draw(self, count: int, make: Callable[[int, torch.Generator | None], Tensor]) -> Tensor:
        """What `make(count, generator)` draws for the whole batch, of which this rank keeps its rows."""
        if self.rows is None:
            return make(count, None)
        blocks, rest = divmod(count, self.rows.stop - self.rows.start)
        if rest:  # not a number for each row: each rank draws its own
            return make(count, None)
        whole = make(blocks * self.count, self.noise)
        return whole.view(blocks, self.count, *whole.shape[1:])[:, self.rows].flatten(0, 1)

    def whole(self, mine: Tensor) -> Tensor:
        """The rows of all ranks, from those of this one (n, ...); gradients flow to each rank's own."""
        if self.rows is None:
            return mine
        sizes = torch.zeros(self.size, dtype=torch.int64)  # of packs, say, there are fewer than rows
        sizes[self.rank] = len(mine)
        self.add_up(sizes)
        before, after = int(sizes[: self.rank].sum()), int(sizes[self.rank + 1 :].sum())
        around = [mine.new_zeros(n, *mine.shape[1:]) for n in (before, after)]
        return self.sum(torch.cat((around[0], mine, around[1])))

    def stack(self, mine: Tensor) -> Tensor:
        """The vectors of all ranks (size, n); gradients flow to each rank's own."""
        return self.sum(torch.nn.functional.pad(mine[None], (0, 0, self.rank, self.size - self.rank - 1)))

    def sum(self, mine: Tensor) -> Tensor:
        """The sum over ranks, of which gradients of any order can be taken."""
        summed: Tensor = _Sum.apply(mine, self)
        return summed

    def weigh(self, mean: Tensor) -> Tensor:
        """A mean over the rows of this rank as its part of the mean over the whole batch."""
        return mean if self.rows is None else mean * ((self.rows.stop - self.rows.start) / self.count)

    def sum_gradients(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The sums over ranks, sent in buckets; None stays None."""
        if self.rows is None:
            return list(gradients)
        sent = [(bucket, *self._send(bucket)) for bucket in buckets([g for g in gradients if g is not None])]
        summed: list[Tensor] = []
        for bucket, flat, work in sent:
            with _reaching():
                work.wait()
            parts = torch.split(flat, [g.numel() for g in bucket])
            summed += [part.view_as(g) for part, g in zip(parts, bucket, strict=True)]
        arrived = iter(summed)
        return [None if g is None else next(arrived) for g in gradients]

    def _send(self, bucket: Sequence[Tensor]) -> tuple[Tensor, Any]:
        flat = torch.cat([g.reshape(-1) for g in bucket])
        with _reaching():
            return flat, dist.all_reduce(flat, async_op=True)

    def gather(self, mine: Sequence[Tensor]) -> list[list[Tensor]]:
        """For each vector the vectors of all ranks, by rank; they may be of different lengths."""
        if self.size == 1:
            return [[vector] for vector in mine]
        sizes = torch.zeros(self.size, len(mine), dtype=torch.int64)
        sizes[self.rank] = torch.tensor([len(vector) for vector in mine])
        self.add_up(sizes)
        start, length = int(sizes[: self.rank].sum()), int(sizes[self.rank].sum())
        flat = torch.zeros(int(sizes.sum()), dtype=torch.float64, device=mine[0].device)
        flat[start : start + length] = torch.cat([vector.double() for vector in mine])
        self.add_up(flat)
        parts = torch.split(flat, sizes.flatten().tolist())
        return [[p.to(vector.dtype) for p in parts[i :: len(mine)]] for i, vector in enumerate(mine)]

    def highest(self, number: int) -> int:
        """The highest of the numbers that the ranks give; the device is not waited for."""
        if self.size == 1:
            return number
        highest = torch.tensor(number)
        with _reaching():
            dist.all_reduce(highest, dist.ReduceOp.MAX)
        return int(highest)

    def any(self, flag: bool) -> bool:
        """Whether any rank says so."""
        return bool(self.highest(int(flag)))

    def meet(self) -> None:
        """Wait until all ranks are here."""
        self.highest(0)

    def add_up(self, mine: Tensor) -> None:
        """Replace a tensor by its sum over ranks."""
        with _reaching():
            dist.all_reduce(mine)

    def copy(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by those of rank 0."""
        for tensor in tensors if self.size > 1 else ():
            with _reaching():
                dist.broadcast(tensor, 0)

    def tell(self, content: bytes) -> bytes:
        """The bytes that rank 0 gives; what the others give does not matter."""
        if self.size == 1:
            return content
        size = torch.tensor(len(content))
        self.copy([size])
        told = torch.frombuffer(bytearray(content if self.is_first else int(size)), dtype=torch.uint8)
        self.copy([told])
        return told.numpy().tobytes()

    def leave(self) -> None:
        """Be alone from now on: a rank that has failed must not wait for the others."""
        self.size, self.rows = 1, None


class _Sum(torch.autograd.Function):
    """The sum over ranks; that of its gradients is the gradient."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, group: Group) -> Tensor:
        ctx.group = group
        summed = mine.clone(memory_format=torch.contiguous_format)
        group.add_up(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.group.sum(gradients[0]), None


def buckets(tensors: Sequence[Tensor], most_bytes: int = BUCKET_BYTES) -> list[list[Tensor]]:
    """Neighbours of one type together, up to a size: few messages that leave while others are made."""
    found: list[list[Tensor]] = []
    held = 0
    for tensor in tensors:
        if not found or found[-1][0].dtype != tensor.dtype or held + tensor.nbytes > most_bytes:
            found, held = [*found, []], 0
        found[-1].append(tensor)
        held += tensor.nbytes
    return found


def join(device: str) -> Group:
    """The group of the ranks that torchrun started; a group of one without it. Raises UsageError, PeerError.

    device: as in the settings. Each rank of a host takes a GPU of its own, if there are any.
    """
    place = launch.place()
    if place.size == 1:
        return Group()
    gpus = 0 if device == "cpu" else torch.cuda.device_count()
    if gpus:
        if place.local_size > gpus:
            few = f"{place.local_size} ranks of this host need a GPU each and it has {gpus}"
            raise UsageError(f"{few}. Start fewer, or use --device cpu.")
        torch.cuda.set_device(place.local_rank)
    if not dist.is_initialized():
        with _reaching():
            backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
            dist.init_process_group(
                backend, store=_store(place), rank=place.rank, world_size=place.size, timeout=PATIENCE
            )
        # Threads of gloo that outlive the interpreter end the process with an abort, now and then.
        atexit.register(dist.destroy_process_group)
    return Group(place.rank, place.size)


def _store(place: launch.Place) -> Any:
    """Where the ranks leave their addresses for each other."""
    store, _, _ = next(rendezvous("env://", timeout=PATIENCE))
    if place.local_size < place.size:  # launchers of several hosts may have counted different restarts
        return store
    # After a restart the launcher's store still holds the addresses of processes that are gone.
    return dist.PrefixStore(f"ganzoo/{place.restarts}", store)  # type: ignore[attr-defined]


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = re.sub(r"^\[\S+\] ", "", str(error).strip()).partition(". ")[0]  # without the line of C++
        raise PeerError(f"another rank has ended or cannot be reached ({reason:.120}).") from error
