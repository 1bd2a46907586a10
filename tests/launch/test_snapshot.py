import subprocess

import pytest

from basin.launch.snapshot import origin_of, take


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    for name in ("train.py", "src/basin/a.py", "src/basin/__pycache__/a.pyc", "configs/a b/ü.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "results").mkdir()
    (root / "results/large").write_text("no part of the code")
    return root


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


CODE = ["configs/a b/ü.yaml", "snapshot.json", "src/basin/a.py", "train.py"]


def test_without_git_train_src_and_configs_are_copied(checkout, tmp_path):
    one = take(checkout, tmp_path / "store", {"commit": None, "diff": ""})
    assert names(one) == CODE
    assert take(checkout, tmp_path / "store", {"commit": None, "diff": ""}) == one
    (checkout / "src/basin/a.py").write_text("edited")
    two = take(checkout, tmp_path / "store", {"commit": None, "diff": "x"})
    assert (one / "src/basin/a.py").read_text() == "src/basin/a.py"
    assert (two / "src/basin/a.py").read_text() == "edited"
    assert origin_of(two) == {"commit": None, "diff": "x"} and origin_of(checkout) is None
    assert {p.name for p in (tmp_path / "store").iterdir()} == {one.name, two.name}


def test_with_git_ignored_and_deleted_files_are_not(checkout, tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(checkout), *arguments], check=True, capture_output=True)

    (checkout / ".gitignore").write_text("__pycache__/\n*.log\n")
    (checkout / "src/gone.py").write_text("tracked")
    git("init")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "first")
    (checkout / "src/gone.py").unlink()
    (checkout / "src/new.py").write_text("untracked")
    (checkout / "src/run.log").write_text("ignored")
    folder = take(checkout, tmp_path / "store", {"commit": "c", "diff": ""})
    assert names(folder) == sorted([*CODE, "src/new.py"])


@pytest.mark.parametrize("git", ["none", "refuses"])
def test_where_git_cannot_be_asked_all_is_copied(git, checkout, tmp_path, monkeypatch):
    """As in a container without it, or where it mistrusts the owner of the folder."""
    (checkout / ".git").mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    if git == "refuses":
        (programs / "git").write_text("#!/bin/sh\nexit 128\n")
        (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert names(take(checkout, tmp_path / "store", {})) == CODE


def test_what_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"runtime\.snapshot=false"):
        take(tmp_path, tmp_path / "store", {})
