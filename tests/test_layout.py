"""The house: what is in the wheel, which way imports point, and what the repository may not name."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from socratune.evals.picture import with_picture

ROOT = Path(__file__).parent.parent
FOLDERS = ("agents", "graphs", "memory", "tools", "evals")
SHIPPED = {".py", ".md", ".json", ".jsonl", ".csv", ".yaml", ".typed"}


def tracked(*places: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *places], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607  # git is found as people have it
    return [Path(name) for name in listed.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, links kept, in which a test may break things."""
    copy = tmp_path_factory.mktemp("checkout")
    for file in tracked():
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / file).is_symlink():
            (copy / file).symlink_to((ROOT / file).readlink())
        elif (ROOT / file).exists():
            (copy / file).write_bytes((ROOT / file).read_bytes())
    return copy


def test_the_wheel_holds_every_file_of_the_house(checkout: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(checkout)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("socratune-*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    wanted = {f"socratune/{file}" for file in tracked(*FOLDERS) if file.suffix in SHIPPED}
    links = {f"src/socratune/{folder}" for folder in FOLDERS}
    wanted |= {str(file.relative_to("src")) for file in tracked("src") if str(file) not in links}
    assert inside == wanted


def test_a_bad_import_fails_the_build(checkout: Path) -> None:
    (checkout / "memory" / "planted.py").write_text("from socratune.tools import tokens\n", encoding="utf-8")
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {"PYTHONPATH": str(checkout / "src"), "PATH": ""}
    ended = subprocess.run(lint, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    (checkout / "memory" / "planted.py").unlink()
    assert ended.returncode != 0
    assert "memory.planted" in ended.stdout


def test_the_contract_names_every_door() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "forbidden"]
    doors = {file.stem for file in tracked("src/socratune") if file.suffix == ".py" and file.stem != "__init__"}
    doors = {name for name in doors if (ROOT / "src" / "socratune" / f"{name}.py").exists()} | {"commands"}
    assert set(contract["forbidden_modules"]) == {f"socratune.{name}" for name in doors}


def test_the_five_folders_are_no_packages_at_their_top() -> None:
    assert not [folder for folder in FOLDERS if (ROOT / folder / "__init__.py").exists()]


def test_nothing_names_a_package_index() -> None:
    index = re.compile(rb"pypi\.org|pythonhosted|--index-url|--extra-index-url|--find-links")
    named = [str(f) for f in tracked() if f.name != "test_layout.py" and not (ROOT / f).is_symlink()]
    assert not [name for name in named if (ROOT / name).exists() and index.search((ROOT / name).read_bytes())]
    assert not (ROOT / "uv.lock").exists()


def test_ci_calls_the_readme_test_line() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_in_the_readme_is_drawn_from_the_graphs_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_picture(readme) == readme


def test_commit_hooks_are_local() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}
