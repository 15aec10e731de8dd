"""The picture of the loop in the README, drawn from the real graphs.

Run `python -m socratune.evals.picture` at the root of the repository to rewrite it.
"""

from __future__ import annotations

import re
from pathlib import Path

from langchain_core.runnables.graph import Graph

from socratune.graphs.optimize import optimize_graph
from socratune.graphs.search import search_graph
from socratune.graphs.socratic import socratic_graph

BEGIN, END = "<!-- picture: drawn by `python -m socratune.evals.picture` -->", "<!-- end of the picture -->"
README = Path("README.md")


def drawn() -> str:
    """Return one Mermaid flowchart: the run, the search inside it, and the dialogue inside the search."""
    parts = [
        *_subgraph("run", optimize_graph().get_graph()),
        *_subgraph("search", search_graph().get_graph()),
        *_subgraph("dialogue", socratic_graph().get_graph()),
        "    run_search -.-> search",
        "    search_propose -.-> dialogue",
    ]
    return "\n".join(["```mermaid", "flowchart LR", *parts, "```"])


def _subgraph(name: str, shape: Graph) -> list[str]:
    nodes = [f"        {name}_{_plain(node)}{_label(node)}" for node in shape.nodes]
    edges = [
        f"        {name}_{_plain(edge.source)} {'-.->' if edge.conditional else '-->'} {name}_{_plain(edge.target)}"
        for edge in shape.edges
    ]
    return [f"    subgraph {name}", *nodes, *edges, "    end"]


def _plain(node: str) -> str:
    return node.strip("_")


def _label(node: str) -> str:
    return f"(({_plain(node)}))" if node.startswith("__") else f"[{node}]"


def with_picture(readme: str) -> str:
    """Return the README's text with the picture as the graphs are now. Raises `ValueError` without its place."""
    place = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not place.search(readme):
        raise ValueError(f"README has no place for the picture: {BEGIN} ... {END}")
    return place.sub(lambda _: f"{BEGIN}\n{drawn()}\n{END}", readme)


if __name__ == "__main__":
    README.write_text(with_picture(README.read_text("utf-8")), "utf-8")
