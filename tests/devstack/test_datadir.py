"""The data directory belongs to one launcher, and keeps its secrets to itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.console import UserError
from devstack.datadir import DataDir
from devstack.options import Options
from devstack.process import birth, boot, orphans
from devstack.up import run


def test_a_second_start_on_the_same_directory_says_who_is_there(home: DataDir) -> None:
    with pytest.raises(UserError, match=rf"in use by `dev.py test` \(process {os.getpid()}\)"):
        run(Options("up", data_dir=home.path))


def test_secrets_are_made_once_and_private(home: DataDir) -> None:
    made = home.secret("secret_key")

    assert home.secret("secret_key") == made == DataDir.open(home.path).secret("secret_key")
    assert home.secret("postgres_password") != made
    assert (home.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert home.path.stat().st_mode & 0o777 == 0o700


def test_processes_of_an_earlier_run_are_told_from_strangers() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, process_group=0) as child:
        ours = {str(child.pid): birth(child.pid)}
        reused = {str(child.pid): "born at another time"}

        assert [seen.pid for seen in orphans(ours)] == [child.pid]
        assert orphans(reused) == []
        child.kill()


def test_a_record_from_before_a_reboot_kills_nobody(home: DataDir) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, process_group=0) as child:
        home.note_processes([child.pid])
        text = home.state_file.read_text()
        home.state_file.write_text(text.replace(boot(), "an earlier boot"))

        home.clear_leftovers()

        assert child.poll() is None
        child.kill()


def test_a_directory_that_cannot_be_made_is_a_plain_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot use .* as data directory"):
        DataDir.open(tmp_path / "file" / "data")
