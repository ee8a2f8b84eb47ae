"""Ranks: what torch's elastic launcher says about this process, and several processes on this host.

Nothing here imports torch before it starts processes.
"""

import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganzoo.errors import PeerError, ResourceError, Terminated, UsageError

ADDRESS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_log = logging.getLogger("ganzoo")


@dataclass(frozen=True)
class Place:
    """A process among those that play one run: rank 0 of 1, if no launcher started it.

    local_rank, local_size: among the processes on its host. restarts: how often the launcher began again.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    restarts: int = 0

    @property
    def begins(self) -> bool:
        """Whether this process finds a place for a new run."""
        return self.rank == self.restarts == 0


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """What torchrun says about this process. Raises UsageError where it makes no sense."""
    if any(name not in environment for name in ADDRESS):
        return Place()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT")
    defaults = ("0", "1", environment["RANK"], environment["WORLD_SIZE"], "0")
    texts = [environment.get(name, default) for name, default in zip(names, defaults, strict=True)]
    try:
        found = Place(*map(int, texts))
    except ValueError as error:
        raise UsageError(f"the environment names ranks that are no numbers: {error}.") from error
    if not 0 <= found.rank < found.size:
        raise UsageError(f"the environment names rank {found.rank} of {found.size}. Start with torchrun.")
    return found


def starts_processes(ranks: int | None) -> bool:
    """Whether `--ranks` asks for processes that are not there yet. Raises UsageError within other ones."""
    inside = place().size
    if ranks is None or ranks == inside:
        return False
    if inside > 1:
        raise UsageError(f"--ranks {ranks} was given to one of {inside} ranks of torchrun. Leave it out.")
    return True


def start(ranks: int, device: str, arguments: Sequence[str]) -> int:
    """Run the command line in so many processes of this host, through torch's launcher; the exit code.

    They share the processor's cores. Raises UsageError where there are fewer GPUs, and ResourceError.
    """
    # What the launcher logs of failures, the ranks say better; some of its loggers read this at their import.
    os.environ.setdefault("LOGLEVEL", "CRITICAL")
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    gpus = 0 if device == "cpu" else torch.cuda.device_count()
    if gpus and ranks > gpus:
        message = f"{ranks} ranks need a GPU each and this machine has {gpus}"
        raise UsageError(f"{message}. Use --ranks {gpus}, or --device cpu.")
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if not gpus and ranks > cores:
        _log.warning("%d ranks share %d cores: they will wait for each other.", ranks, cores)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(cores // ranks, 1)))
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    launcher = ["--standalone", "--nproc-per-node", str(ranks), "--monitor-interval", "0.1", "-m", "ganzoo"]
    try:
        run(parse_args([*launcher, *arguments]))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return _exit_code({rank: failure.exitcode for rank, failure in error.failures.items()})
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0


def _exit_code(failures: Mapping[int, int]) -> int:
    """What the ranks that failed say together. Raises ResourceError where one of them was killed."""
    # Where one rank fails, the others lose it, and torch's launcher terminates them: the last of reasons.
    last = (PeerError.exit_code, Terminated.exit_code, -signal.SIGTERM)
    for rank, code in failures.items():
        if code < 0 and code not in last:
            raise ResourceError(f"rank {rank} was killed by {signal.Signals(-code).name}.")
    first = min(failures.values(), key=lambda code: last.index(code) if code in last else -1)
    return Terminated.exit_code if first < 0 else first
