"""Registers to test on: SQLite always, PostgreSQL where Debian's package is installed, MongoDB as mongomock imitates it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.conftest import free_port


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A data folder of the test's own, and no settings from outside."""
    monkeypatch.setenv("STUDIO_ATTENDANCE", str(tmp_path / "data"))
    for name in ("DATABASE_URL", "STUDIO_ATTENDANCE_KEY", "STUDIO_ATTENDANCE_PASSCODE", "STUDIO_HOST"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


def postgres_programs():
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    return Path(shutil.which("initdb")).parent if shutil.which("initdb") else None


@pytest.fixture(scope="session")
def postgres():
    """URL of a real PostgreSQL server, started for these tests on this machine alone."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    home = Path(tempfile.mkdtemp(prefix="vitrine-pg-"))  # pytest's own folders are closed to the user postgres
    options = {"cwd": home, "check": True, "capture_output": True, "timeout": 60}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    port = free_port()
    subprocess.run([programs / "initdb", "-D", home / "data", "-A", "trust", "-U", "studio", "-E", "UTF8", "--no-sync"], **options)
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c shared_buffers=16MB"
    subprocess.run([programs / "pg_ctl", "-D", home / "data", "-w", "-l", home / "log", "-o", settings, "start"], **options | {"capture_output": False})
    yield f"postgresql://studio@127.0.0.1:{port}/postgres"
    subprocess.run([programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop"], **options)
    shutil.rmtree(home, ignore_errors=True)


def empty(url):
    """Take every table out of a PostgreSQL database."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, folder):
    """Where an empty register may be made, in each of the SQL stores."""
    return f"sqlite:///{folder / 'register.sqlite'}" if request.param == "sqlite" else empty(request.getfixturevalue("postgres"))


@pytest.fixture(params=["sqlite", "postgres", "mongo"])
def register(request, folder):
    """An empty Register in each of the stores."""
    from core.attendance.records import open_register

    if request.param == "mongo":
        mongomock = pytest.importorskip("mongomock", reason="mongomock is not installed")
        from core.attendance.mongo import MongoRegister

        made = MongoRegister("mongodb://localhost/vitrine", mongomock.MongoClient())
    else:
        made = open_register(f"sqlite:///{folder / 'register.sqlite'}" if request.param == "sqlite" else empty(request.getfixturevalue("postgres")))
    yield made
    made.close()
