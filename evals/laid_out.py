"""Turns a built-in world into an order for the engine."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import yaml

from socratune.graphs.engine import Order, Settings
from socratune.memory.records import Budget
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.simulator.world import load_world
from socratune.tools.task_files import Overrides, load_task


def order_of(world: str, *, strength: str, seed: int, budget: Budget, recipe: str = "auto") -> Order:
    """Return the world's own task with its rows; memory is off, so that runs do not teach each other."""
    task = load_world(world).task
    target = f"sim:{world}"
    overrides = Overrides(target=target, optimizer=f"{target}:{strength}", data=BUILTIN / str(task.data), recipe=recipe)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.yaml"
        content = task.model_dump(exclude_none=True) | {"target": target}
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        loaded = load_task(file, overrides=overrides)
    settings = Settings(seed=seed, memory=False)
    return Order(task=replace(loaded.task, budget=budget), examples=loaded.examples, settings=settings)
