from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId, Prompt
from socratune.tools.simulator.readings import canonical
from socratune.tools.simulator.world import load_world

RED, OLD, FORMAT = "Red letters go up.", "Old letters go down.", "Name the box only."


def letter(text: str, box: str = "up") -> Example:
    return Example(id=ExampleId("r1"), inputs={"letter": text}, expected=box, group=text)


def test_row_is_answered_rightly_only_when_all_that_it_needs_is_conveyed(small_file: Path) -> None:
    world = load_world(str(small_file))
    assert [rule.id for rule in world.needs({"letter": "a red old letter"})] == ["red", "old"]
    assert world.probability(RED, letter("a red old letter")) == 0
    assert world.probability(f"{RED}\n{OLD}", letter("a red old letter")) == 1


def test_rule_is_conveyed_across_the_line_breaks_of_a_paragraph_but_not_of_a_list(small_file: Path) -> None:
    world = load_world(str(small_file))
    assert world.conveyed("All red\n   letters always go\nup.") == {"red"}
    assert world.conveyed("- red letters\n- go up") == frozenset()


def test_distractor_takes_back_the_rule_that_it_contradicts(small_file: Path) -> None:
    world = load_world(str(small_file))
    assert world.conveyed(FORMAT) == {"format"}
    assert world.conveyed(f"{FORMAT} Add a reason.") == frozenset()


def test_distractor_breaks_only_its_own_rows(small_file: Path) -> None:
    world = load_world(str(small_file))
    assert world.probability("Blue is bad.", letter("a blue letter")) == 0
    assert world.probability("Blue is bad.", letter("a green letter")) == 1


def test_long_prompts_pay_the_length_tax(small_file: Path) -> None:
    world = load_world(str(small_file))
    assert world.probability("x" * 400, letter("a letter")) == 1
    assert world.probability("x" * 1_200, letter("a letter")) == pytest.approx(0.8)


def test_luck_is_the_chance_of_a_row_that_misses_something(small_file: Path) -> None:
    small_file.write_text(small_file.read_text() + "luck: 0.25\n")
    assert load_world(str(small_file)).probability("", letter("a red letter")) == 0.25


def test_expected_accuracy_is_the_mean_over_the_rows(small_file: Path) -> None:
    world = load_world(str(small_file))
    examples = [letter("a red letter"), letter("an old letter"), letter("a letter"), letter("another")]
    assert world.expected_accuracy(world.seed, examples) == 0.5
    assert world.expected_accuracy(Prompt(system=RED), examples) == 0.75


def test_share_needs_the_rule_on_about_that_share_of_the_rows(small_file: Path) -> None:
    small_file.write_text(small_file.read_text().replace("{answer: down}", "{answer: down}\n    share: 0.3"))
    world = load_world(str(small_file))
    needing = sum(bool(world.needs({"letter": f"red {number}"})) for number in range(1_000))
    assert 250 < needing < 350


def test_unknown_name_is_refused_with_the_nearest_world() -> None:
    with pytest.raises(BadInput, match="did you mean 'ticket-routing'"):
        load_world("ticket-ruoting")


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no world"):
        load_world(str(tmp_path / "none.yaml"))
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(BadInput, match="cannot be read"):
        load_world(str(tmp_path / "broken.yaml"))
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(BadInput, match="mapping"):
        load_world(str(tmp_path / "list.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("noise: 0", "nosie: 0", "nosie"),
        ("noise: 0", "noise: 2", "noise"),
        ("says: Be kind.", "says: Be nice.", "none of its wordings"),
        ("'be kind'", "'be (kind'", "regular expression"),
        ("{answer: down}", "{answer: down, add: 1}", "exactly one"),
        ("contradicts: format", "contradicts: formal", "formal"),
        ("id: old", "id: red", "distinct"),
    ],
)
def test_faulty_world_is_refused_in_one_line(small_file: Path, old: str, new: str, problem: str) -> None:
    small_file.write_text(small_file.read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match=problem) as caught:
        load_world(str(small_file))
    assert "\n" not in str(caught.value)


def test_world_laid_over_another_keeps_what_it_does_not_change(tmp_path: Path) -> None:
    path = tmp_path / "quiet.yaml"
    path.write_text("{like: ticket-routing, noise: 0, task: {name: quiet}}")
    world, base = load_world(str(path)), load_world("ticket-routing")
    assert (world.file.noise, world.task.name) == (0, "quiet")
    assert world.file.rules == base.file.rules
    assert world.seed == base.seed


@given(text=st.text(alphabet="ab.-#< \n\t1)", max_size=60))
def test_evening_out_a_text_twice_changes_nothing_more(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(data=st.data())
def test_conveying_more_rules_never_lowers_the_probability(data: st.DataObject) -> None:
    world = load_world("ticket-routing")
    sentences = [rule.says for rule in world.file.rules]
    more = data.draw(st.lists(st.sampled_from(sentences), unique=True))
    fewer = [sentence for sentence in more if data.draw(st.booleans())]
    words = ["refund", "cancel my subscription", "warranty", "cracked", "my lawyer", "one more issue"]
    row = letter(" and ".join(data.draw(st.lists(st.sampled_from(words), unique=True))))
    assert world.probability("\n".join(fewer), row) <= world.probability("\n".join(more), row)
