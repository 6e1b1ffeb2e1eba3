"""The register: alike in every store, no record lost or doubled, and one sentence for whatever goes wrong."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from core.attendance.records import Correction, Person, Record, Session, StoredFace, new_id, now, open_register
from core.errors import BadInput, StudioError, Unavailable
from tests.conftest import ROOT

LONG_AGO, AT, LATER = "2026-11-21T07:00:00+00:00", "2026-11-21T08:00:00+00:00", "2026-11-21T08:05:00+00:00"


def person(name="Ada", number=None):
    return Person(new_id(), name, number, "A", "yes", now(), now())


def face(of, vector=b"sealed"):
    return StoredFace(new_id(), of.id, vector, None, now())


def session(day="2026-11-21", name="Day"):
    return Session(new_id(), day, name, "09:00", 10)


def sighting(who, where, at=AT):
    return Record(new_id(), who.id, where.id, at, at, 0.4, "webcam")


def test_people_faces_sessions_and_settings_come_back_as_they_went(register):
    ada, bob, day = person(number="1"), person("bob"), session()
    first = face(ada)
    register.add_person(ada, [first])
    register.add_person(bob, [face(bob), face(bob)])
    assert register.people() == [ada, bob] and register.faces(ada.id) == [first] and len(register.faces()) == 3
    assert register.add_session(day) == day == register.add_session(session()) and register.sessions() == [day]
    assert register.sessions("2026-11-22") == [] == register.sessions(last="2026-11-20")
    later = replace(day, starts="10:00", late_after=0, group="A")
    register.change_session(later)
    assert register.sessions() == [later]
    assert register.setting("x") is None and register.set_setting("x", "1") == "1" == register.set_setting("x", "2", only_new=True)
    assert register.set_setting("x", "3") == "3" == register.setting("x")


def test_version_grows_with_every_change_of_people_and_faces(register):
    ada, seen = person(), []
    for change in (lambda: register.add_person(ada, [face(ada)]), lambda: register.add_faces([face(ada)]),
                   lambda: register.change_person(replace(ada, name="Ada L.")), lambda: register.erase(ada.id)):  # fmt: skip
        change()
        seen.append(register.version())
    assert seen == sorted(set(seen)) and register.people() == []


def test_a_number_belongs_to_one_person(register):
    register.add_person(person(number="7"), [])
    other = person("Bob")
    register.add_person(other, [])
    with pytest.raises(BadInput, match="7 already belongs to Ada"):
        register.add_person(person("Eve", "7"), [])
    with pytest.raises(BadInput, match="7 already belongs to Ada"):
        register.change_person(replace(other, number="7"))
    assert [p.name for p in register.people()] == ["Ada", "Bob"]


def test_a_face_of_nobody_is_refused(register):
    with pytest.raises(BadInput, match="no longer in the register"):
        register.add_faces([face(person())])


def test_one_record_a_session_however_often_seen(register):
    ada, day = person(), session()
    register.add_person(ada, [])
    register.add_session(day)
    first, new = register.check_in(sighting(ada, day), LONG_AGO)
    again, renewed = register.check_in(sighting(ada, day, LATER), LONG_AGO)
    assert new and not renewed and again == first, "seen again within the debounce, nothing is written"
    moved, _ = register.check_in(sighting(ada, day, LATER), LATER)
    assert moved == replace(first, last_at=LATER) and register.records() == [moved]


def test_a_correction_stays_with_who_when_and_why_and_an_arrival_overrules_an_absence(register):
    ada, day = person(), session()
    register.add_person(ada, [])
    register.add_session(day)
    noted = Correction(new_id(), ada.id, day.id, "absent", "excused", "ill", "Bob", AT)
    register.correct(Record(new_id(), ada.id, day.id, None, None, None, "by hand", "excused"), noted)
    assert register.records()[0].status == "excused" and register.corrections(ada.id, day.id) == [noted]
    record, new = register.check_in(sighting(ada, day, LATER), LONG_AGO)
    assert new and record.status is None and register.records() == [record]
    assert [(c.who, c.after) for c in register.corrections()] == [("the system", "arrived"), ("Bob", "excused")]
    register.correct(replace(record, status="late"), replace(noted, id=new_id()))
    assert register.records() == [replace(record, status="late")]


def test_erasing_takes_everything_of_a_person_and_nothing_of_another(register):
    ada, bob, day = person(), person("Bob"), session()
    register.add_session(day)
    for one in (ada, bob):
        register.add_person(one, [face(one)])
        register.check_in(sighting(one, day), LONG_AGO)
        register.correct(register.records(person=one.id)[0], Correction(new_id(), one.id, day.id, "a", "b", "c", "d", AT))
    register.erase(ada.id)
    assert register.people() == [bob] and {f.person for f in register.faces()} == {bob.id}
    assert {r.person for r in register.records()} == {bob.id} == {c.person for c in register.corrections()}


def test_an_erased_vector_is_in_no_file(folder):
    register, ada = open_register(), person()
    vector = os.urandom(540)
    register.add_person(ada, [face(ada, vector)])
    everything = lambda: b"".join(p.read_bytes() for p in folder.iterdir())  # noqa: E731
    assert vector[100:200] in everything()
    register.erase(ada.id)
    assert vector[100:200] not in everything() and ada.id.encode() not in everything()


def test_fifty_check_ins_from_eight_writers_at_once(url):
    register, day = open_register(url), session()
    crowd = [person(f"P{i}") for i in range(50)]
    for one in crowd:
        register.add_person(one, [])
    register.add_session(day)
    said, failed = [], []

    def write(k):
        mine = open_register(url)  # a kiosk of its own
        try:
            for one in crowd[k:] + crowd[:k]:  # everyone, in another order: each is seen by all eight
                said.append((one.id, *mine.check_in(sighting(one, day), LONG_AGO)))
        except Exception as error:
            failed.append(error)
        mine.close()

    writers = [threading.Thread(target=write, args=(k * 6,)) for k in range(8)]
    [w.start() for w in writers]
    [w.join() for w in writers]
    assert failed == [] and len(said) == 400
    assert sorted(who for who, _, new in said if new) == sorted(p.id for p in crowd), "each is new exactly once"
    records = register.records([day.id])
    assert len(records) == 50 and {r.id for _, r, _ in said} == {r.id for r in records}
    register.close()


WRITER = """
import sys
from core.attendance.records import Record, new_id, open_register
register, day = open_register(sys.argv[1]), sys.argv[2]
for who in sys.stdin.read().split():
    register.check_in(Record(new_id(), who, day, "2026-11-21T08:00:00+00:00", "2026-11-21T08:00:00+00:00", 0.4, "webcam"), "2026-11-21T07:00:00+00:00")
    print(who, flush=True)
"""


def test_kill_9_in_the_middle_of_a_burst_loses_nothing_acknowledged(url):
    register, day = open_register(url), session()
    crowd = [person(f"P{i}") for i in range(300)]
    for one in crowd:
        register.add_person(one, [])
    register.add_session(day)
    child = subprocess.Popen([sys.executable, "-c", WRITER, url, day.id], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdin.write(" ".join(p.id for p in crowd))
    child.stdin.close()
    acknowledged = [child.stdout.readline().strip() for _ in range(40)]
    child.send_signal(signal.SIGKILL)
    acknowledged += [line.strip() for line in child.stdout.read().splitlines() if len(line.strip()) == 32]
    child.wait()
    register.close()
    after = open_register(url)
    kept = [r.person for r in after.records([day.id])]
    assert 40 <= len(acknowledged) < 300 and set(acknowledged) <= set(kept) and len(kept) == len(set(kept)) <= len(acknowledged) + 1
    after.close()


def test_two_processes_may_open_an_empty_register_at_the_same_moment(url):
    code = "import sys; from core.attendance.records import open_register; print(open_register(sys.argv[1]).people())"
    both = [subprocess.Popen([sys.executable, "-c", code, url], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(p.communicate()[0].strip(), p.returncode) for p in both] == [("[]", 0)] * 3


def test_migrations_make_the_tables_the_code_expects(url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from core.attendance.tables import metadata

    register = open_register(url)
    with register.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    register.close()


def test_a_damaged_register_is_a_sentence_and_stays_untouched(folder):
    register = open_register()
    for i in range(200):
        register.add_person(person(f"P{i}"), [])
    register.close()
    path = folder / "register.sqlite"
    broken = bytearray(path.read_bytes())
    broken[4096:20000] = b"\xa5" * (20000 - 4096)
    path.write_bytes(broken)
    for contents in (bytes(broken), b"this is not a database at all" * 50):
        path.write_bytes(contents)
        with pytest.raises(StudioError, match="is damaged. Nothing was changed") as caught:
            open_register()
        assert "\n" not in str(caught.value) and path.read_bytes() == contents


def test_a_full_disk_is_a_sentence_and_what_was_saved_stays(folder):
    import sqlalchemy as sa

    register, ada, day = open_register(), person(), session()
    register.add_person(ada, [face(ada)])
    register.add_session(day)

    @sa.event.listens_for(register.engine, "checkout")
    def full(connection, *_):  # SQLite says the same of a page limit as of a full disk
        connection.execute("PRAGMA max_page_count=1").close()

    with pytest.raises(Unavailable, match="disk is full: this was not saved, everything saved before is there"):
        for _ in range(200):
            register.add_faces([face(ada, b"x" * 5000)])
    kept = len(register.faces())
    register.close()
    assert len(open_register().faces()) == kept


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STUDIO_ATTENDANCE", str(tmp_path / "file" / "below"))
    with pytest.raises(Unavailable, match="cannot be made"):
        open_register()


@pytest.mark.parametrize(
    ("url", "words"), [("postgresql://x@127.0.0.1:9/x", "does not answer"), ("oracle-of://x", "not understood"), ("nonsense", "not understood")]
)
def test_a_database_that_does_not_answer_is_a_sentence(url, words):
    with pytest.raises(StudioError, match=words) as caught:
        open_register(url)
    assert len(str(caught.value).splitlines()) == 1


def test_a_server_that_went_away_is_a_sentence(postgres):
    import sqlalchemy as sa

    from tests.attendance.conftest import empty

    register = open_register(empty(postgres))
    register.engine = register.writing = sa.create_engine("postgresql+psycopg://x@127.0.0.1:9/x")
    with pytest.raises(Unavailable, match="PostgreSQL does not answer"):
        register.people()


def test_the_file_is_in_wal_mode_and_written_through(folder):
    open_register()
    with sqlite3.connect(folder / "register.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    register = open_register()
    with register.engine.connect() as connection:
        assert [connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("synchronous", "secure_delete", "foreign_keys")] == [2, 1, 1]
