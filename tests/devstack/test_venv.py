"""The environment is rebuilt when it must be, and only then."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from devstack import venv
from devstack.venv import Venv


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Venv:
    """A checkout whose locks name nothing, with an environment that has only an interpreter."""
    found = Venv(tmp_path)
    for name in venv.LOCKS.values():
        (tmp_path / name).write_text("nothing==1\n")
    monkeypatch.setattr(venv, "_create", lambda made: make_interpreter(made))
    return found


@pytest.fixture
def installs(checkout: Venv, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the locks that were installed."""
    seen: list[str] = []
    monkeypatch.setattr(venv, "_pip_install", lambda made, lock, fd: seen.append(lock.name))
    return seen


def make_interpreter(checkout: Venv) -> None:
    checkout.python.parent.mkdir(parents=True)
    checkout.python.symlink_to(sys.executable)


def test_it_is_built_once(checkout: Venv, installs: list[str]) -> None:
    venv.ensure(checkout, "runtime")
    venv.ensure(checkout, "runtime")
    assert installs == ["requirements.lock"]


def test_a_changed_lock_is_installed(checkout: Venv, installs: list[str]) -> None:
    venv.ensure(checkout, "runtime")
    checkout.lock("runtime").write_text("nothing==2\n")
    venv.ensure(checkout, "runtime")
    assert len(installs) == 2


def test_up_after_test_keeps_the_dev_packages(checkout: Venv, installs: list[str]) -> None:
    venv.ensure(checkout, "runtime")
    venv.ensure(checkout, "dev")
    venv.ensure(checkout, "runtime")
    assert installs == ["requirements.lock", "requirements-dev.lock"]


def test_an_install_cut_short_starts_from_nothing(
    checkout: Venv, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(made: Venv, lock: Path, lock_fd: int) -> None:
        (made.path / "half-written").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(venv, "_pip_install", die)
        with pytest.raises(KeyboardInterrupt):
            venv.ensure(checkout, "runtime")

    venv.ensure(checkout, "runtime")

    assert installs == ["requirements.lock"]
    assert not (checkout.path / "half-written").exists()
    assert not checkout.marker.exists()


def test_another_python_gets_another_environment(checkout: Venv, installs: list[str]) -> None:
    venv.ensure(checkout, "runtime")
    stamp = json.loads(checkout.stamp.read_text())
    checkout.stamp.write_text(json.dumps(stamp | {"python": "cpython-310-Linux-x86_64"}))
    venv.ensure(checkout, "runtime")
    assert len(installs) == 2


def test_a_moved_checkout_is_installed_again(
    checkout: Venv, installs: list[str], tmp_path: Path
) -> None:
    venv.ensure(checkout, "runtime")
    moved = Venv(tmp_path / "elsewhere")
    shutil.copytree(checkout.root, moved.root, symlinks=True)
    venv.ensure(moved, "runtime")
    assert len(installs) == 2
