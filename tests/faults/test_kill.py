"""Kill -9 again and again; `python benchmarks/kill.py` does it for longer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="benchmarks are not here")
def test_nothing_is_lost(tmp_path: Path) -> None:
    """As many kills as fit into some seconds, and more until one hit a save and a run was finished."""
    command = [sys.executable, str(SCRIPT), "--seconds", "12", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    count = json.loads(done.stdout)
    assert (count["lost"], count["different"], count["failed"]) == (0, 0, 0)
    assert count["kills"] > 0
    assert count["hit"] > 0
    assert count["finished"] > 0
