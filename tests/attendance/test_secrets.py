"""Keys, sealed values and passcodes: what fits opens, anything else is one sentence and changes nothing."""

import base64
import os

import pytest

from core.attendance import secrets, service
from core.attendance.records import open_register
from core.errors import BadInput, StudioError


def test_sealed_values_open_under_their_key_and_name_only():
    vault = secrets.Vault(bytes(32))
    sealed = vault.seal(b"a vector", "face 1")
    assert vault.open(sealed, "face 1") == b"a vector" and b"vector" not in sealed and vault.seal(b"a vector", "face 1") != sealed
    for key, about, data in ((bytes(32), "face 2", sealed), (b"\1" * 32, "face 1", sealed), (bytes(32), "face 1", sealed[:-1] + b"\0\0")):
        with pytest.raises(StudioError, match="key does not fit"):
            secrets.Vault(key).open(data, about)


def test_a_new_register_gets_a_key_file_that_only_its_owner_reads(folder):
    register = open_register()
    secrets.open_vault(register)
    assert oct((folder / "register.key").stat().st_mode)[-3:] == "600"
    assert secrets.open_vault(register).open(base64.b64decode(register.setting("key-check")), "key-check") == b"vitrine"


def test_a_wrong_a_broken_and_a_lost_key_are_sentences_and_nothing_changes(folder, monkeypatch):
    secrets.open_vault(open_register())
    before = (folder / "register.key").read_text()
    other = base64.urlsafe_b64encode(os.urandom(32)).decode()
    monkeypatch.setenv("STUDIO_ATTENDANCE_KEY", other)
    with pytest.raises(StudioError, match="key does not fit this register.*nothing was changed"):
        service.attendance()
    monkeypatch.setenv("STUDIO_ATTENDANCE_KEY", "short")
    with pytest.raises(BadInput, match="does not hold a key"):
        service.attendance()
    monkeypatch.delenv("STUDIO_ATTENDANCE_KEY")
    (folder / "register.key").write_text("torn")
    with pytest.raises(BadInput, match="does not hold a key"):
        service.attendance()
    (folder / "register.key").unlink()
    with pytest.raises(StudioError, match="is missing"):
        service.attendance()
    assert not (folder / "register.key").exists(), "a new key in place of a lost one would make the loss final"
    (folder / "register.key").write_text(before)
    assert service.attendance().register.people() == []


def test_a_key_from_the_environment_leaves_no_file(folder, monkeypatch):
    monkeypatch.setenv("STUDIO_ATTENDANCE_KEY", base64.urlsafe_b64encode(os.urandom(32)).decode())
    service.attendance()
    assert not (folder / "register.key").exists()


def test_a_passcode_is_hashed_with_a_salt_and_asked_for(folder):
    register = open_register()
    guard = secrets.Guard(register)
    assert not guard.is_set
    with pytest.raises(BadInput, match="6 characters"):
        guard.choose("short")
    guard.choose("long enough")
    kept = register.setting("passcode")
    assert "long enough" not in kept and kept != secrets.hashed("long enough") and guard.is_set
    guard.enter("long enough")
    with pytest.raises(BadInput, match="chosen already"):
        guard.choose("another one")
    with pytest.raises(BadInput, match="not the passcode"):
        guard.enter("long enougH")


def test_after_five_wrong_passcodes_everyone_waits(folder, monkeypatch):
    guard = secrets.Guard(open_register())
    guard.choose("long enough")
    for _ in range(5):
        with pytest.raises(BadInput, match="not the passcode"):
            guard.enter("wrong")
    with pytest.raises(BadInput, match="Too many"):
        guard.enter("long enough")
    later = secrets.time.monotonic() + 31
    monkeypatch.setattr(secrets.time, "monotonic", lambda: later)
    guard.enter("long enough")


def test_the_environments_passcode_goes_first(folder, monkeypatch):
    guard = secrets.Guard(open_register())
    guard.choose("long enough")
    monkeypatch.setenv("STUDIO_ATTENDANCE_PASSCODE", "from outside")
    guard.enter("from outside")
    with pytest.raises(BadInput):
        guard.enter("long enough")


def test_beyond_this_machine_only_behind_a_passcode(folder, monkeypatch):
    for host in ("127.0.0.1", "localhost", "::1"):
        service.may_listen(host)
    with pytest.raises(StudioError, match="not served on 0.0.0.0 without a passcode"):
        service.may_listen("0.0.0.0")
    monkeypatch.setenv("STUDIO_ATTENDANCE_PASSCODE", "from outside")
    service.may_listen("0.0.0.0")
