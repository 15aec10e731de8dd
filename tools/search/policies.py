"""The search policies by name, for recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from socratune.memory.records import CandidateId
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.policy import SearchPolicy

SEARCHES: Mapping[str, Callable[[CandidateId, str], SearchPolicy]] = {
    "greedy": lambda root, operator: Greedy(root=root, operator=operator),
}
