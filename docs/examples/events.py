"""Follow a run by its events, cancel it in the middle and go on with it: as in a notebook, where `await` stands alone.

Offline, on a simulated model. Here a task file of the demo stands for yours.
"""

import asyncio
import tempfile
from pathlib import Path

import socratune
from socratune.demo import lay_out

task = lay_out(Path(tempfile.mkdtemp()) / "desk")
home = task.parent / ".socratune"
runs: list[str] = []


def follow(event: socratune.RunEvent) -> None:
    match event:
        case socratune.RunStarted(run=run):
            runs.append(run)
        case socratune.QuestionAsked(question=question, accepted=True):
            print("asked:", question)
        case socratune.LeaderChanged(gain=gain):
            print(f"new leader: {gain:+.0%} on dev")
        case socratune.FinalTestStarted(rows=rows):
            print(f"final test on {rows} sealed rows")


async def main() -> None:
    def follow_and_stop(event: socratune.RunEvent) -> None:
        follow(event)
        if isinstance(event, socratune.LeaderChanged):
            work.cancel()  # or asyncio.timeout, or the stop button of a notebook

    work = asyncio.create_task(socratune.aoptimize(task, home=home, on_event=follow_and_stop))
    try:
        await work
    except asyncio.CancelledError:
        print("cancelled; what was paid for is kept")

    result = await socratune.aresume(runs[0], home=home, on_event=follow)
    print(result.status, "-", result.sentence)
    print(result.prompt.instructions)


if __name__ == "__main__":
    asyncio.run(main())
