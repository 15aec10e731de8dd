"""Groups failures that look alike, before any agent sees them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from socratune.memory.embedding import Vector, embed
from socratune.memory.records import Cluster, Example, Rollout

MOST_CLUSTERS = 8
CLUSTER_SIZE = 3
"""Failures in a cluster, on average: reflection on one cause at a time does best on three or four."""
MOST_LABELS = 20
"""Distinct expected outputs up to which they are classes, and a confusion is a signature; else the feedback is."""
LONGEST_LABEL = 40
"""Characters of a class; what is longer is an answer, with which no two rows are confused."""
INPUT_WEIGHT = 0.6
"""How much the inputs count beside the signature."""


def clusters(failures: Sequence[tuple[Example, Rollout]]) -> tuple[Cluster, ...]:
    """Return one cluster for every few failures, the largest first, with ids `c1`, `c2`, ...

    Failures are close when they went wrong in the same way on similar inputs; average linkage on cosine distance.
    """
    if not failures:
        return ()
    labels = {example.expected for example, _ in failures}
    classes = labels != {""} and len(labels) <= MOST_LABELS and max(map(len, labels)) <= LONGEST_LABEL
    signatures = [_signature(example, rollout, classes=classes) for example, rollout in failures]
    vectors = [_vector(signature, example) for signature, (example, _) in zip(signatures, failures, strict=True)]
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(_groups(vectors)):
        groups.setdefault(group, []).append(row)
    ranked = sorted(groups.values(), key=lambda rows: (-len(rows), rows))
    return tuple(
        Cluster(
            id=f"c{number}",
            signature=_shared([signatures[row] for row in rows]),
            example_ids=tuple(failures[row][0].id for row in rows),
        )
        for number, rows in enumerate(ranked, 1)
    )


def _groups(vectors: Sequence[Vector]) -> list[int]:
    if len(vectors) == 1:
        return [1]
    most = min(MOST_CLUSTERS, -(-len(vectors) // CLUSTER_SIZE))
    tree = linkage(np.stack(vectors), method="average", metric="cosine")
    return [int(group) for group in fcluster(tree, t=most, criterion="maxclust")]


def _signature(example: Example, rollout: Rollout, *, classes: bool) -> str:
    if not rollout.parsed:
        return "no answer could be read"
    if classes:
        return f"expected {example.expected!r}, answered {(rollout.output or '').strip()[:60]!r}"
    return re.sub(r"\d[\d.,]*", "#", rollout.feedback)[:120] or "wrong answer"


def _vector(signature: str, example: Example) -> Vector:
    mixed = embed(signature) + np.float32(INPUT_WEIGHT) * embed("\n".join(example.inputs.values()))
    return np.asarray(mixed / np.linalg.norm(mixed), dtype=np.float32)


def _shared(signatures: Sequence[str]) -> str:
    (signature, count), *_ = Counter(signatures).most_common(1)
    return signature if count == len(signatures) else f"{signature} ({count} of {len(signatures)})"
