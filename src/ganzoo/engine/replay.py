"""Replaying steps: the operations of one are recorded and played again, without autograd and detours.

A game may promise that its steps repeat themselves. Two of them are recorded while they are played, and where
both are the same operations on the same weights, they are written down as straight-line code. The same
operations on the same numbers in the same order give the same bits: gradients, random numbers and running
statistics are among them. What a turn does with its gradients stays outside, optimizers and constraints.
"""

import logging
import math
import operator
from collections.abc import Mapping, Sequence
from functools import cache
from keyword import iskeyword
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from ganzoo.engine.game import Batch, Game, Stats, Turn, play_step
from ganzoo.engine.parts import Parts
from ganzoo.errors import UsageError

_log = logging.getLogger("ganzoo")
MOST_KINDS = 64
ALIASES = ("aten::detach", "aten::alias")  # the same tensor, where there is no autograd
PLAIN = (bool, int, float, str, torch.dtype, torch.device, torch.layout, torch.memory_format, type(None))


def replaying(game: Game, parts: Parts, choice: str) -> "Replay | None":
    """What plays the game's steps, or None where each is played anew: for `auto`, with parts of others.

    Raises UsageError where replaying is asked for and cannot be had.
    """
    if reason := _obstacle(game, parts):
        if choice == "on":
            raise UsageError(f"--replay on is asked for and {reason}. Leave it out.")
        return None
    is_chosen = choice == "on" or (choice == "auto" and parts.are_own and parts.device.type == "cpu")
    return Replay(game, is_asked=choice == "on") if is_chosen else None


def _obstacle(game: Game, parts: Parts) -> str:
    if not all(turn.repeats for turn in game.turns):
        return "the game does not promise that its steps repeat themselves"
    if parts.group.size > 1:
        return "ranks exchange numbers within a step"
    kinds = _kinds(game)
    return f"its steps are of {kinds} kinds, of which {MOST_KINDS} are the most" if kinds > MOST_KINDS else ""


def _kinds(game: Game) -> int:
    return math.lcm(*(turn.repeats * turn.every for turn in game.turns))


class Replay:
    """Plays the steps of a game, by a tape where there is one for such a step.

    is_asked: say so where there is none.
    """

    def __init__(self, game: Game, *, is_asked: bool = False) -> None:
        self.game, self.kinds, self.is_asked = game, _kinds(game), is_asked
        self.tapes: dict[Any, Tape | Recording | None] = {}

    def forget(self) -> None:
        """Record anew: weights may have been replaced."""
        self.tapes.clear()

    def play_step(self, batch: Batch, step: int) -> Stats:
        """Play every turn that is due and return their statistics, as `game.play_step` does."""
        given = [each for each in (batch.real, batch.labels, batch.indices) if each is not None]
        key = (step % self.kinds, *((t.shape, t.stride(), t.dtype, t.device) for t in given))
        tape = self.tapes.get(key)
        if isinstance(tape, Tape):
            return tape.play(given, batch)
        if key in self.tapes and tape is None:
            return play_step(self.game, batch, step)
        recording = Recording(given)
        with recording:
            stats = play_step(self.game, batch, step, recording.move)
        recording.end(stats, batch.shared)
        self.tapes[key] = recording if tape is None else self._tape(tape, recording)
        return stats

    def _tape(self, first: "Recording", second: "Recording") -> "Tape | None":
        """The tape of two recordings; None where they differ, or find tensors that may be replaced."""
        players = [*self.game.players.values(), *self.game.modules.values()]
        lasting = {_place(t) for player in players for t in (*player.parameters(), *player.buffers())}
        is_lasting = {_place(t) for t in second.kept} <= lasting
        if is_lasting and second.repeats(first):
            return Tape(second)
        if self.is_asked:
            _log.warning("nothing is replayed: Python takes part in the steps, or they are others each time.")
        self.is_asked = False
        return None


class Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Takes note of every operation of a step, below autograd, while the step is played.

    given: the tensors that the step begins with. kept: those that it finds, the weights and their views.
    """

    def __init__(self, given: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph, self.kept = fx.Graph(), list[Tensor]()
        self.is_moving, self.is_repeatable = False, True
        self.names = WeakTensorKeyDictionary()
        for number, tensor in enumerate(given):
            self.names[tensor] = self._last = self.graph.placeholder(f"given{number}")

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, for 1.6 s, to tell it to leave the next method alone

    def __torch_dispatch__(
        self, call: Any, types: Any, arguments: tuple[Any, ...] = (), options: Any = None
    ) -> Any:
        result = call(*arguments, **(options or {}))
        if not self.is_moving:
            self._note(call, arguments, options or {}, result)
        return result

    def move(self, turn: Turn, gradients: Sequence[Tensor | None]) -> None:
        """Let a turn use its gradients; that is one entry, whatever it does."""
        self.graph.call_function(turn.move, (self._named(list(gradients)),))
        self.is_moving = True
        turn.move(gradients)
        self.is_moving = False

    def end(self, stats: Stats, shared: Mapping[str, Tensor]) -> None:
        """The step is over, and these tensors are what is left of it."""
        self.left = tuple(stats), tuple(shared)
        self.graph.output(self._named([*stats.values(), *shared.values()]))

    def repeats(self, other: "Recording") -> bool:
        """Whether both are the same operations on the same weights, none of which Python looked into."""
        is_same = self.left == other.left and _code(self.graph) == _code(other.graph)
        is_same = is_same and list(map(_geometry, self.kept)) == list(map(_geometry, other.kept))
        return is_same and self.is_repeatable and other.is_repeatable

    def _note(self, call: Any, arguments: tuple[Any, ...], options: Mapping[str, Any], result: Any) -> None:
        named = self._named(arguments)
        if call.name() in ALIASES:
            self.names[result] = named[0]
        elif call.is_view and isinstance(result, Tensor) and _is_kept(named[0]):
            self._keep(result)
        else:
            self.is_repeatable &= torch.Tag.dynamic_output_shape not in call.tags
            self._name(result, self.graph.call_function(_writable(call), named, self._named(dict(options))))

    def _name(self, result: Any, node: fx.Node) -> None:
        if isinstance(result, Tensor):
            self.names[result] = node
        elif isinstance(result, list | tuple):
            for place, each in enumerate(result):
                self._name(each, self.graph.call_function(operator.getitem, (node, place)))
        else:
            self.is_repeatable &= result is None

    def _named(self, x: Any) -> Any:
        """The same, with names in the place of tensors."""
        if isinstance(x, Tensor):
            return self.names[x] if x in self.names else self._keep(x)
        if isinstance(x, list | tuple):
            return type(x)(self._named(each) for each in x)
        if isinstance(x, dict):
            return {name: self._named(each) for name, each in x.items()}
        self.is_repeatable &= isinstance(x, PLAIN)
        return x

    def _keep(self, tensor: Tensor) -> fx.Node:
        with self.graph.inserting_after(self._last):
            self.names[tensor] = self._last = self.graph.placeholder(f"kept{len(self.kept)}")
        self.kept.append(tensor)
        return self._last


class Tape:
    """A recorded step as code, and the weights that it works on."""

    def __init__(self, recording: Recording) -> None:
        self.module = fx.GraphModule(nn.Module(), recording.graph)
        self.kept, (self.stats, self.shared) = recording.kept, recording.left

    @torch.no_grad()
    def play(self, given: Sequence[Tensor], batch: Batch) -> Stats:
        """Play the step on another batch."""
        left = self.module.forward(*given, *self.kept)
        batch.shared |= zip(self.shared, left[len(self.stats) :], strict=True)
        return dict(zip(self.stats, left, strict=False))


def _is_kept(node: object) -> bool:
    return isinstance(node, fx.Node) and node.op == "placeholder" and node.name.startswith("kept")


@cache
def _writable(call: Any) -> Any:
    """The operation by a name that code can have; `torch.ops.aten.random_.from` is none."""
    if not any(map(iskeyword, str(call).split("."))):
        return call

    def operation(*arguments: Any, **options: Any) -> Any:
        return call(*arguments, **options)

    operation.__name__ = str(call).replace(".", "_")
    return operation


def _code(graph: fx.Graph) -> str:
    return graph.python_code("self").src


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _geometry(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype
