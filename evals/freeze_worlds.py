"""Writes down what the frozen worlds are, for a new release: `python -m socratune.evals.freeze_worlds`.

Between releases they stay as they are, so that nobody can tune on them without its being seen.
"""

from __future__ import annotations

import hashlib
import json

from socratune.tools.simulator.builtin import BUILTIN, FROZEN

HASHES = BUILTIN / "frozen.json"


def hashes() -> dict[str, str]:
    """Return the SHA-256 of each file of the frozen worlds, rules and rows."""
    files = (BUILTIN / f"{name}{ending}" for name in FROZEN for ending in (".yaml", ".csv"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


if __name__ == "__main__":
    HASHES.write_text(json.dumps(hashes(), indent=2) + "\n", encoding="utf-8")
