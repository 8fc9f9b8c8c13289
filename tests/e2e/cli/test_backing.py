"""`finshift backup` as a household uses it: made, checked, brought back to a new machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli.program import Program


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text("five words nobody would guess\n", "utf-8")
    return path


def test_a_household_moves_to_a_new_machine_by_one_file(demo: Program, tmp_path: Path, passphrase: Path) -> None:
    file = tmp_path / "household.backup"
    made = demo("backup", "create", file, "--passphrase-file", passphrase, "--json").json
    assert made["bytes"] == file.stat().st_size
    checked = demo("backup", "verify", file, "--passphrase-file", passphrase, "--json").json
    assert checked == made | {"keys_tried": True}

    new = Program(tmp_path / "new machine")
    restored = new("backup", "restore", file, "--passphrase-file", passphrase, "--json").json
    assert restored == made
    assert new.balances("demo") == demo.balances("demo")
    assert new("register", "--book", "demo", "--json").json == demo("register", "--book", "demo", "--json").json
    assert new("verify", "--book", "demo", "--json").json == demo("verify", "--book", "demo", "--json").json


def test_where_the_keys_go_is_asked_and_never_assumed(demo: Program, tmp_path: Path) -> None:
    file = tmp_path / "household.backup"
    refused = demo("backup", "create", file, "--json")
    assert (refused.code, refused.problem["code"]) == (2, "backup_keys_choice_needed")
    assert not file.exists()
    both = demo("backup", "create", file, "--without-keys", "--keys-to", tmp_path / "keys", "--json")
    assert (both.code, both.problem["code"]) == (2, "arguments_not_valid")
    without = demo("backup", "create", file, "--without-keys")
    assert without.code == 0
    assert "keep a copy of that too" in without.out
    refused = Program(tmp_path / "new machine")("backup", "restore", file, "--json")
    assert (refused.code, refused.problem["code"]) == (2, "backup_keys_needed")


def test_the_keys_in_a_second_file_are_told_of(demo: Program, tmp_path: Path) -> None:
    file, keys = tmp_path / "household.backup", tmp_path / "household.keys"
    made = demo("backup", "create", file, "--keys-to", keys)
    assert str(keys) in made.out
    assert "Its keys fit." in demo("backup", "verify", file, "--keys", keys).out
    assert "were not tried" in demo("backup", "verify", file).out
    assert Program(tmp_path / "new machine")("backup", "restore", file, "--keys", keys).code == 0


def test_what_is_damaged_or_in_the_way_is_told_with_its_exit_code(
    demo: Program, tmp_path: Path, passphrase: Path
) -> None:
    file = tmp_path / "household.backup"
    assert demo("backup", "create", file, "--passphrase-file", passphrase).code == 0
    taken = demo("backup", "restore", file, "--passphrase-file", passphrase, "--json")
    assert (taken.code, taken.problem["code"]) == (2, "restore_target_not_empty")
    file.write_bytes(file.read_bytes()[:-100])
    cut = demo("backup", "verify", file, "--json")
    assert (cut.code, cut.problem["code"]) == (1, "backup_cut_off")
    for option, missing in (("--keys", "no such keys"), ("--passphrase-file", "no such passphrase")):
        lost = demo("backup", "verify", file, option, tmp_path / missing, "--json")
        assert lost.problem["code"] in ("file_not_readable", "backup_cut_off")
    absent = demo("backup", "verify", tmp_path / "no such file", "--json")
    assert (absent.code, absent.problem["code"]) == (2, "file_not_readable")
