from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import row

from socratune.memory.records import Example, ExampleId, Rollout
from socratune.tools.clusters import CLUSTER_SIZE, MOST_CLUSTERS, clusters

Failed = tuple[Example, Rollout]


def failure(number: int, text: str, expected: str, answer: str, *, parsed: bool = True, feedback: str = "") -> Failed:
    example = row(number, text, expected)
    rollout = Rollout(
        candidate_id=example.id,  # type: ignore[arg-type]  # any id will do
        example_id=example.id,
        output=answer,
        reward=0.0,
        parsed=parsed,
        feedback=feedback,
    )
    return example, rollout


REFUNDS = [failure(n, f"I want my money back for order {n}, a refund please.", "billing", "sales") for n in range(3)]
PARCELS = [failure(n, f"The parcel arrived broken, box {n} is dented.", "returns", "shipping") for n in range(3, 9)]
FAILURES = st.lists(
    st.tuples(st.text(max_size=20), st.sampled_from("abc"), st.sampled_from("abcdef"), st.booleans()), max_size=40
).map(lambda drawn: [failure(n, text, e, a, parsed=parsed) for n, (text, e, a, parsed) in enumerate(drawn)])


def test_nothing_is_grouped_into_nothing() -> None:
    assert clusters([]) == ()


def test_what_failed_in_the_same_way_on_similar_rows_stands_together() -> None:
    found = clusters([*PARCELS[:3], *REFUNDS, *PARCELS[3:]])
    by_row = {each: cluster.id for cluster in found for each in cluster.example_ids}
    assert len({by_row[example.id] for example, _ in REFUNDS}) == 1
    assert not {by_row[e.id] for e, _ in REFUNDS} & {by_row[e.id] for e, _ in PARCELS}


@given(failures=FAILURES)
def test_every_failure_is_in_one_cluster_and_the_largest_comes_first(failures: list[Failed]) -> None:
    found = clusters(failures)
    rows = [each for cluster in found for each in cluster.example_ids]
    assert sorted(rows) == sorted(example.id for example, _ in failures)
    sizes = [len(cluster.example_ids) for cluster in found]
    assert sizes == sorted(sizes, reverse=True)
    assert [cluster.id for cluster in found] == [f"c{n}" for n in range(1, len(found) + 1)]
    assert len(found) <= min(MOST_CLUSTERS, -(-len(failures) // CLUSTER_SIZE))


def test_the_same_failures_always_make_the_same_clusters() -> None:
    assert clusters([*REFUNDS, *PARCELS]) == clusters([*REFUNDS, *PARCELS])


def test_one_failure_is_a_cluster() -> None:
    (only,) = clusters(REFUNDS[:1])
    assert (only.id, only.signature) == ("c1", "expected 'billing', answered 'sales'")


def test_a_signature_says_how_many_share_it() -> None:
    mixed = [*REFUNDS[:2], failure(7, "I want my money back for order 7, a refund please.", "billing", "account")]
    (only,) = clusters(mixed)
    assert only.signature == "expected 'billing', answered 'sales' (2 of 3)"


def test_an_answer_that_could_not_be_read_is_its_own_signature() -> None:
    (only,) = clusters([failure(1, "Hello", "billing", "Well, let me think.", parsed=False)])
    assert only.signature == "no answer could be read"


def test_with_free_answers_the_feedback_without_its_numbers_is_the_signature() -> None:
    free = [failure(n, "Count.", f"{n} apples", "x", feedback=f"expected {n}, got {n + 1:,}") for n in range(1, 31)]
    assert {each.signature for each in clusters(free)} == {"expected # got #"}
    silent = [failure(n, "Count.", f"{n} apples", "x") for n in range(30)]
    assert {each.signature for each in clusters(silent)} == {"wrong answer"}


def test_a_long_answer_does_not_make_a_long_signature() -> None:
    (only,) = clusters([failure(1, "Hello", "billing", "x" * 10_000)])
    assert len(only.signature) < 120
    assert only.example_ids == (ExampleId("r1"),)


def test_rows_without_labels_are_grouped_by_what_was_said_of_the_answers() -> None:
    rude = [failure(n, f"Where is order {n}?", "", "No.", feedback="Polite: it is curt") for n in range(4)]
    long = [
        failure(n, f"Where is order {n}?", "", "Well...", feedback="Under 80 words: it has 95") for n in range(4, 8)
    ]
    found = clusters([*rude, *long])
    assert {cluster.signature for cluster in found} <= {"Polite: it is curt", "Under # words: it has #"}
    assert not any("expected" in cluster.signature for cluster in found)


def test_long_answers_are_no_classes() -> None:
    told = failure(1, "Where?", "Dear customer, your order is on its way to you.", "No.", feedback="Polite: it is curt")
    assert clusters([told])[0].signature == "Polite: it is curt"
