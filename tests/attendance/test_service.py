"""Enrol, check in, report, correct, export, erase: with real faces, by service and by command line."""

import base64
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import openpyxl
import pytest
from PIL import Image

from apps.__main__ import main
from core.attendance import command, report, service
from core.attendance.records import Record, new_id
from core.errors import BadInput
from tests.conftest import ROOT, zip_photos
from tests.faces.test_video import film

FACES = ROOT / "assets" / "examples" / "attendance"
COLLINS, HOPPER, BOTH = (FACES / f"{name}.jpg" for name in ("collins", "hopper", "both"))


@pytest.fixture
def office(folder):
    return service.attendance()


@pytest.fixture
def two(office):
    """Both people enrolled."""
    assert office.enrol("Eileen Collins", [("a.jpg", COLLINS)], "7", "crew", consent=True).person
    assert office.enrol("Grace Hopper", [("b.jpg", HOPPER)], "", "navy", consent=True).person
    return office


def test_photos_are_accepted_or_refused_with_their_reason(office):
    gone = office.enrol("Nobody", [("grey.png", Image.new("RGB", (200, 200))), ("both.jpg", BOTH), ("x.jpg", b"nothing")], consent=True)
    assert gone.person is None and office.register.people() == []
    assert [words in p.reason for words, p in zip(("no face", "2 faces", "not a picture"), gone.photos, strict=True)] == [True] * 3
    done = office.enrol("Eileen", [("a.jpg", COLLINS), ("b.jpg", HOPPER)], consent=True)
    assert [p.reason for p in done.photos] == ["", "it does not look like the person on the photos before it"]
    again = office.enrol("Eve", [("a.jpg", COLLINS)], consent=True)
    assert again.person is None and "looks like Eileen, who is enrolled already" in again.photos[0].reason
    more = office.enrol("eileen", [("c.jpg", Image.open(COLLINS).crop((40, 0, 500, 460)))], consent=True)
    assert more.person.id == done.person.id and len(office.register.faces()) == 2


@pytest.mark.parametrize(
    ("name", "consent", "photos", "words"), [("", True, [1], "give a name"), ("Ada", False, [1], "not agreed"), ("Ada", True, [], "one photo")]
)
def test_without_name_consent_or_photo_nothing_is_kept(office, name, consent, photos, words):
    with pytest.raises(BadInput, match=words):
        office.enrol(name, photos, consent=consent)
    assert office.register.people() == []


def test_a_group_photo_checks_everyone_in_once(two):
    session = two.open_session()
    first, second = two.check_in(BOTH, session, "photo"), two.check_in(BOTH, session, "photo")
    assert sorted(s.person.name for s in first) == ["Eileen Collins", "Grace Hopper"] and all(s.new for s in first)
    assert not any(s.new for s in second) and "was here already" in second[0].sentence
    assert len(two.register.records()) == 2
    picture = Image.open(io.BytesIO(two.drawn(BOTH, first)))
    assert picture.size == (1280, 720)


def test_strangers_are_unknown_and_leave_no_trace(office):
    office.enrol("Grace Hopper", [("b.jpg", HOPPER)], consent=True)
    before = len(office.register.faces())
    seen = office.check_in(BOTH, office.open_session())
    assert sorted(s.label.split()[0] for s in seen) == ["Grace", "unknown"]
    stranger = next(s for s in seen if s.person is None)
    assert stranger.record is None and "Unknown" in stranger.sentence and len(office.register.faces()) == before
    crop = office.crop(BOTH, stranger)
    assert office.enrol("Eileen", [("crop", crop)], consent=True).person
    assert all(s.person for s in office.recognise(BOTH))


def test_neither_vectors_nor_photos_can_be_read_from_the_files(office, folder):
    office.enrol("Eileen", [("a.jpg", COLLINS)], consent=True, keep_photos=True)
    stored = office.register.faces()[0]
    everything = b"".join(p.read_bytes() for p in folder.iterdir() if p.name != "register.key")
    gallery, _ = office.gallery()
    assert gallery.vectors[0].tobytes()[:32] not in everything and b"\xff\xd8\xff" not in everything and stored.vector[:32] in everything
    assert office.photos(stored.person)[0][:3] == b"\xff\xd8\xff"
    assert office.enrol("Grace", [("b.jpg", HOPPER)], consent=True).person and office.photos(office.register.people()[1].id) == []


def test_a_swapped_vector_is_noticed(two):
    import sqlalchemy as sa

    from core.attendance.tables import faces
    from core.errors import StudioError

    a, b = two.register.faces()
    with two.register.writing.begin() as connection:
        connection.execute(sa.update(faces).where(faces.c.id == a.id).values(vector=b.vector))
        two.register._changed(connection)
    with pytest.raises(StudioError, match="cannot be read"):
        two.gallery()


def test_late_on_time_absent_and_by_hand(two):
    eileen, grace = two.register.people()
    session = two.open_session("Morning", "09:00", 10)
    for minute, status in ((10, "on time"), (11, "late")):
        at = service.utc(session.day, f"09:{minute}").isoformat(timespec="seconds")
        assert report.status_of(Record("", "", "", at, at, 0.1, "x"), session) == status
    assert report.status_of(None, session, service.utc(session.day, "09:10")) == "expected"
    assert report.status_of(None, session, service.utc(session.day, "09:11")) == "absent"
    two.correct(grace.id, session, "excused", "Bob", "ill")
    lines = {line.person.name: line for line in report.lines(two.register, session.day, session.day)}
    assert lines["Grace Hopper"].status == "excused" and "Bob" in lines["Grace Hopper"].corrected_by
    with pytest.raises(BadInput, match="who corrects this, and why"):
        two.correct(grace.id, session, "late", "", "")
    with pytest.raises(BadInput, match="A status is one of"):
        two.correct(grace.id, session, "gone", "Bob", "x")
    two.correct(grace.id, session, None, "Bob", "was there after all")
    after = report.lines(two.register, session.day, session.day, search="grace")
    assert len(after) == 1 and after[0].status in ("absent", "expected") and len(two.register.corrections(grace.id)) == 2
    assert {c["reason"] for c in report.corrections(two.register, after)} == {"ill", "was there after all"}


def test_only_the_sessions_group_is_expected_and_nobody_before_being_enrolled(two):
    today = two.open_session("Crew only", group="crew")
    two.open_session("Long ago", day="2020-01-01")
    assert [line.person.name for line in report.lines(two.register, today.day, today.day)] == ["Eileen Collins"]
    assert report.lines(two.register, "2020-01-01", "2020-01-01") == []


def test_tables_for_people_and_spreadsheets(two):
    session = two.open_session("Day", "23:59", 0)
    office_people = two.register.people()
    two.register.change_person(replace(office_people[0], name="=HYPERLINK(1)"))
    two.check_in(BOTH, session, "photo")
    found = report.lines(two.register, session.day, session.day)
    assert report.count(found) == {"on time": 2}
    assert report.by_person(found)[0][:7] == ["=HYPERLINK(1)", "7", "crew", 1, 1, 0, 0] and report.by_day(found)[session.day]["on time"] == 2
    rows = report.to_csv(found).splitlines()
    assert len(rows) == 3 and rows[0].startswith("name,status") and any(row.startswith("'=HYPERLINK") for row in rows)
    book = openpyxl.load_workbook(io.BytesIO(report.to_excel(found)))
    assert book.sheetnames == ["Register", "People"] and book["Register"].max_row == 3
    assert [c.data_type for row in book["Register"] for c in row].count("f") == 0


def test_export_holds_everything_and_erase_leaves_nothing(two):
    session = two.open_session()
    two.check_in(BOTH, session)
    eileen = two.register.people()[0]
    two.correct(eileen.id, session, "late", "Bob", "clock was wrong")
    said = json.loads(json.dumps(two.export_person(eileen.id)))
    assert said["person"]["name"] == "Eileen Collins" and said["person"]["consent"] == service.CONSENT and len(said["faces"][0]["vector"]) == 128
    assert said["records"][0]["session"]["name"] == "Day" and said["corrections"][0]["who"] == "Bob"
    assert two.erase(eileen.id) == "Eileen Collins"
    assert [s.label.split()[0] for s in two.recognise(COLLINS)] == ["unknown"] and eileen.id not in str(two.register.records())
    with pytest.raises(BadInput, match="no longer in the register"):
        two.export_person(eileen.id)


def test_a_kept_photo_is_exported(office):
    office.enrol("Eileen", [("a.jpg", COLLINS)], consent=True, keep_photos=True)
    face = office.export_person(office.register.people()[0].id)["faces"][0]
    assert Image.open(io.BytesIO(base64.b64decode(face["photo_jpeg_base64"]))).size == (512, 512)


def test_the_chosen_threshold_decides(two):
    assert all(s.person for s in two.recognise(BOTH))
    two.choose_threshold(0.2)
    limits = {s.limit for s in two.recognise(BOTH)}
    assert limits == {0.2} and two.threshold() == 0.2
    with pytest.raises(BadInput):
        two.choose_threshold(2)
    assert not two.curves().own, "one photo a person is too little to choose from"


def test_a_wrong_day_or_start_is_a_sentence(office):
    for options in ({"starts": "9 o'clock"}, {"day": "yesterday"}, {"name": " "}):
        with pytest.raises(BadInput):
            office.open_session(**options)
    assert office.open_session("A") == office.open_session("A", "10:00"), "the session that stands is not changed in passing"


def test_seen_again_within_a_minute_is_not_written(two):
    session = two.open_session()
    times = [f"2026-11-21T08:{m:02d}:00+00:00" for m in (0, 0, 5)]
    ends = [two.check_in(HOPPER, session, at=at)[0].record.last_at for at in times]
    assert ends == ["2026-11-21T08:00:00+00:00", "2026-11-21T08:00:00+00:00", "2026-11-21T08:05:00+00:00"]


# The command line


def said(capsys, *args):
    code = main(["try", "attendance", *map(str, args), "--json"])
    out = capsys.readouterr()
    return json.loads(out.out) if code == 0 else out.err.strip()


def test_the_command_line_does_the_same(folder, capsys, tmp_path):
    assert said(capsys, "enrol", "Grace Hopper", HOPPER, "--consent", "yes", "--number", "7")["person"]["number"] == "7"
    rows = said(capsys, "check-in", BOTH, "--session", "Morning", "--starts", "09:00", "--late-after", "15")
    assert rows["session"]["late_after"] == 15 and sorted(str(r["name"]) for r in rows["photos"]) == ["Grace Hopper", "None"]
    day = said(capsys, "report", "-o", tmp_path / "r.csv")
    assert sum(day["counts"].values()) == 1 and (tmp_path / "r.csv").read_text().count("Grace Hopper") == 1
    said(capsys, "report", "-o", tmp_path / "r.xlsx")
    assert openpyxl.load_workbook(tmp_path / "r.xlsx")["Register"]["A2"].value == "Grace Hopper"
    assert said(capsys, "people")["photos"][0]["sentence"] == "enrolled with 1 photos"
    assert len(said(capsys, "export", "Grace", "Hopper", "-o", tmp_path / "g.json")["records"]) == 1 and (tmp_path / "g.json").exists()
    assert "erased" in said(capsys, "erase", "7")["sentence"] and said(capsys, "people")["photos"] == []


@pytest.mark.parametrize(
    ("args", "words"),
    [(["enrol", "Ada", HOPPER], "not agreed"), (["dance"], "It can: enrol"), (["check-in"], "Please name photos"), (["erase", "Ada"], "Nobody is called"),
     (["check-in", "gone.jpg"], "no file gone.jpg"), (["check-in", "gone.mp4"], "no video file"), (["check-in", HOPPER, "--late-after", "x"], "whole number"),
     (["enrol", "Ada", ROOT / "README.md", "--consent", "yes"], "Nobody was enrolled"), (["enrol"], "Please say who")],
)  # fmt: skip
def test_refusals_are_one_sentence(folder, capsys, args, words):
    sentence = said(capsys, *args)
    assert isinstance(sentence, str) and words in sentence and len(sentence.splitlines()) == 1


def test_a_zip_with_a_folder_per_person(folder, capsys, tmp_path):
    photos = [("Eileen_Collins", "1.png", Image.open(COLLINS)), ("Grace_Hopper", "1.png", Image.open(HOPPER)), ("Grey", "1.png", Image.new("RGB", (99, 99)))]
    (tmp_path / "people.zip").write_bytes(zip_photos(photos))
    rows = said(capsys, "enrol", tmp_path / "people.zip", "--consent", "yes")["photos"]
    assert [(r["file"], bool(r["person"])) for r in rows] == [("Eileen Collins", True), ("Grace Hopper", True), ("Grey", False)]
    assert "not agreed" in said(capsys, "enrol", tmp_path / "people.zip")
    with zipfile.ZipFile(tmp_path / "flat.zip", "w") as flat:
        flat.write(HOPPER, "hopper.jpg")
    assert "lies in no folder" in said(capsys, "enrol", tmp_path / "flat.zip", "--consent", "yes")


def test_a_film_checks_in_whoever_appears(two, tmp_path):
    session = two.open_session()
    path = tmp_path / "film.mp4"
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 512, 512, "yuv420p", 4_000_000
        for name in ("collins", "collins", "hopper", "hopper"):
            frame = av.VideoFrame.from_image(Image.open(FACES / f"{name}.jpg").resize((512, 512)))
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    from core.faces import video

    best = command.best_of(two.check_in_video(video.frames(path), session))
    assert sorted(s.person.name for s in best) == ["Eileen Collins", "Grace Hopper"] and len(two.register.records()) == 2
    assert command.best_of(two.check_in_video(video.frames(film(tmp_path / "empty.mp4", 1)), session)) == []


def test_times_are_utc_in_the_register_and_local_on_the_page():
    assert service.local("2026-11-21T08:00:00+00:00").astimezone(UTC) == datetime(2026, 11, 21, 8, tzinfo=UTC) and new_id() != new_id()
