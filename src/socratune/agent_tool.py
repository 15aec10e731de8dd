"""Socratune as a tool of someone else's agent: a prompt and rows in, a verdict out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool, ToolException
from langgraph.config import get_stream_writer

from socratune.api import finished, go_on, place_of
from socratune.commissions import Commission, PromptForm, lay_down, run_at
from socratune.given_orders import GivenModels, Models, adapted_models
from socratune.graphs.engine import Settings
from socratune.graphs.result import Result
from socratune.memory.errors import SocratuneError
from socratune.memory.records import Budget
from socratune.memory.runs import Home
from socratune.subgraph import told_to
from socratune.text import CAVEAT
from socratune.tools.task_files import DEFAULT_BUDGET, Overrides
from socratune.tools.task_models import optimizer_for

DESCRIPTION = (
    "Improve a prompt on labelled rows, and test once, on rows that chose nothing, whether the new one is really "
    "better. Takes minutes and many calls to models. Answers with the verdict, and with a new prompt only when it is "
    "proven to be better."
)


def as_tool(
    target: str,
    *,
    optimizer: str | None = None,
    budget: Budget = DEFAULT_BUDGET,
    home: Path | str | None = None,
    settings: Settings | None = None,
    models: GivenModels | None = None,
) -> StructuredTool:
    """Return a LangChain tool that improves prompts which `target` runs.

    The agent gives a prompt and rows; the models and the caps of each run are yours. Its answer is the verdict in
    words, its artifact the whole `Result`; what cannot be done is an answer, too. Inside a graph, what happens in the
    run is written to the `custom` stream.
    """
    overrides = Overrides(target=target, optimizer=optimizer or optimizer_for(target), budget=budget)
    bench = _Bench(home=place_of(home), overrides=overrides, settings=settings, models=adapted_models(models))

    async def improve(config: RunnableConfig, **asked: Any) -> tuple[str, Result]:
        return await bench.improve(PromptForm(**asked), config)

    def improve_and_wait(config: RunnableConfig, **asked: Any) -> tuple[str, Result]:
        return finished(bench.improve(PromptForm(**asked), config))

    return StructuredTool.from_function(
        improve_and_wait,
        improve,
        name="improve_prompt",
        description=DESCRIPTION,
        args_schema=PromptForm,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    home: Home
    overrides: Overrides
    settings: Settings | None = None
    models: Models | None = None

    async def improve(self, form: PromptForm, config: RunnableConfig) -> tuple[str, Result]:
        """Carry out one run; in the thread of a host that comes again, the same one."""
        asked = Commission(
            task=form.task(), rows=form.rows, overrides=self.overrides, settings=self.settings, models=self.models
        )
        run = run_at(config.get("configurable", {}), asked.name, form.model_dump())
        try:
            folder, _ = lay_down(asked, self.home, run=run)
            result = await go_on(folder, self.home, on_event=_hearer(), models=self.models, hosts=asked.hosts)
        except SocratuneError as error:
            raise ToolException(str(error)) from error
        return _content(result), result


def _hearer() -> Callable[[Any], object] | None:
    """Return what tells the graph around this tool; None outside of any."""
    try:
        return told_to(get_stream_writer())
    except (RuntimeError, KeyError):
        return None


def _content(result: Result) -> str:
    said = [result.sentence]
    if result.simulated:
        said.append(CAVEAT)
    if result.status == "improved":
        said.append(f"The new prompt, as JSON:\n{json.dumps(result.prompt.as_dict(), ensure_ascii=False)}")
    else:
        said.append("The prompt stays as it is.")
    return "\n".join(said)
