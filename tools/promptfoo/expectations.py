"""The short form of assertions in a csv file: `contains:refund`, `is-json`, or the very answer."""

from __future__ import annotations

import re

from socratune.tools.promptfoo.config import Value

# The names that Promptfoo knows: a cell that begins with one is no answer, but something we cannot do.
_UNSUPPORTED = (
    "answer-relevance|bleu|classifier|contains-html|contains-json|contains-sql|contains-xml|context-"
    "faithfulness|context-recall|context-relevance|conversation-relevance|cost|factuality|finish-"
    "reason|g-eval|gleu|guardrails|is-html|is-refusal|is-sql|is-valid-function-call|is-valid-openai-"
    "function-call|is-valid-openai-tools-call|is-xml|javascript|latency|levenshtein|meteor|model-"
    "graded-closedqa|model-graded-factuality|moderation|perplexity|perplexity-score|pi|python|rouge-n|"
    "ruby|search-rubric|similar|trajectory|webhook|word-count"
)
_OURS = "equals|contains|icontains|regex|is-json|starts-with|contains-any|contains-all|icontains-any|icontains-all"
_SHORT = re.compile(rf"(not-)?({_OURS}|{_UNSUPPORTED})(?:\([\d.]+\))?(?::(.*))?", re.DOTALL)
_RUBRIC = re.compile(r"(?:llm-rubric|grade):(.*)", re.DOTALL)
_SCRIPT = re.compile(r"(?:fn|eval):|file://")


def expectation(text: str, value: Value) -> dict[str, object]:
    """Return the assertion that a cell stands for, as it would be written in YAML."""
    if found := _RUBRIC.fullmatch(text):
        return {"type": "llm-rubric", "value": found[1].strip()}
    if _SCRIPT.match(text):
        raise value.refused(f"{text[:40]!r} is a script, and scripts are not run", "write what the answer must be")
    found = _SHORT.fullmatch(text)
    if found is None:
        return {"type": "equals", "value": text}
    given = found[3]
    assertion: dict[str, object] = {"type": f"{found[1] or ''}{found[2]}"}
    if given is None:
        return assertion
    return assertion | {"value": given.strip()}
