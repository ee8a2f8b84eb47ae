"""The fenced blocks of README and docs, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<info>\w[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the `title="FILE"` or `source="FILE"` after it, and its text."""

    language: str
    title: str
    source: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command line, split into words, and what the page shows below it."""

    words: list[str]
    shown: list[str]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page that name a language, in their order."""
    return [_block(match["info"], match["text"]) for match in FENCE.finditer(page.read_text())]


def _block(info: str, text: str) -> Block:
    marks = dict(re.findall(r'(\w+)="([^"]+)"', info))
    return Block(info.split()[0], marks.get("title", ""), marks.get("source", ""), text)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a block, after `$ ` in `console`, a line each in `bash`; `&&` joins several."""
    lines = block.text.splitlines()
    starts = [i for i, line in enumerate(lines) if block.language == "bash" or line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        *first, last = lines[start].removeprefix("$ ").split("&&")
        yield from (Command(shlex.split(part), []) for part in first)
        yield Command(shlex.split(last), lines[start + 1 : end])
