import json
from pathlib import Path

from socratune.memory.records import Message
from socratune.tools.models import Reply, Request
from socratune.tools.simulator.call_log import append_log


def test_each_call_leaves_one_line_with_its_key(tmp_path: Path) -> None:
    log = append_log(tmp_path / "calls.jsonl", model="sim:small")
    request = Request(messages=(Message(role="user", content="one\ntwo"),), max_tokens=5, repeat=3)
    for _ in range(2):
        log(request, Reply(text="up", stop_reason="stop", tokens_in=2, tokens_out=1))
    lines = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    entry = {"key": request.key("sim:small"), "model": "sim:small", "repeat": 3, "tokens_in": 2, "tokens_out": 1}
    assert lines == [entry, entry]
