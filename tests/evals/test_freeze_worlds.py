import json

from socratune.evals.freeze_worlds import HASHES, hashes


def test_a_frozen_world_changes_only_with_a_new_release() -> None:
    changed = [name for name, found in hashes().items() if json.loads(HASHES.read_text()).get(name) != found]
    assert not changed, f"{changed}: a frozen world changes only with a new release"
