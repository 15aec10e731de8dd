from io import StringIO

from rich.console import Console

from socratune.evals.program import served
from socratune.evals.throughput import WORLD, Load, Measure, bare_sdk, table, whole_path


def test_both_clients_get_every_answer_from_a_server_of_its_own() -> None:
    with served(WORLD, "--latency", "0.01") as url:
        load = Load(url=url, calls=8, concurrency=4)
        measures = [client(load) for client in (whole_path, bare_sdk)]
    assert [each.answered for each in measures] == [8, 8]
    assert all(each.wall > 0 and each.cpu > 0 and each.peak > 10 for each in measures)


def test_the_table_compares_each_run_with_the_sdk_of_the_same_run() -> None:
    def run(ours: float, bare: float) -> tuple[Measure, Measure]:
        one, other = (Measure(answered=500, wall=2 * cpu, cpu=cpu, peak=200.0) for cpu in (ours, bare))
        return one, other

    screen = Console(file=StringIO(), width=120)
    screen.print(table([run(1.2, 1.0), run(2.6, 2.0), run(1.5, 1.0)], ideal=2.0))
    shown = str(screen.file.getvalue())  # type: ignore[attr-defined]  # it is the StringIO from above
    assert "1.30 (1.20 to 1.50)" in shown
    assert "3.00 (2.40 to 5.20)" in shown
    assert "1.50 (1.20 to 2.60)" in shown
