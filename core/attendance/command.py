"""The register from the command line:

python -m apps try attendance enrol NAME PHOTO... --consent yes [--number 17] [--group A] [--keep-photos yes]
python -m apps try attendance enrol PEOPLE.zip --consent yes       a folder per person
python -m apps try attendance check-in PHOTO_OR_VIDEO_OR_ADDRESS... [--session Day] [--starts 09:00] [--late-after 10] [--day 2026-11-21]
python -m apps try attendance report [--day 2026-11-21] [-o register.csv or register.xlsx]
python -m apps try attendance people | export NAME [-o ada.json] | erase NAME
"""

import json
from dataclasses import asdict
from pathlib import Path

from core.attendance import report
from core.attendance.service import attendance, may_listen, ready, today
from core.errors import BadInput
from core.faces import video
from core.images import SUFFIXES
from core.photos import read


def run(inputs, out=None, number="", group="", consent="no", keep_photos="no", session="Day", starts="09:00", late_after="10", day=""):
    """inputs: what to do and with what, as above -> JSON-ready dict"""
    verb, *rest = inputs
    if verb not in VERBS:
        raise BadInput(f"attendance does not know {verb!r}. It can: {', '.join(VERBS)}.")
    if not str(late_after).isdigit():
        raise BadInput(f"--late-after is {late_after!r}; it must be a whole number of minutes.")
    options = {"number": number, "group": group, "consent": yes(consent), "keep_photos": yes(keep_photos), "session": session,
               "starts": starts, "late_after": int(late_after), "day": day or None}  # fmt: skip
    return VERBS[verb](attendance(), rest, out, options)


def yes(text):
    return str(text).lower() in ("yes", "y", "true", "1")


def enrol(register, rest, out, o):
    if not rest:
        raise BadInput("Please say who: enrol NAME PHOTO..., or enrol PEOPLE.zip with a folder per person.")
    if len(rest) == 1 and (Path(rest[0]).is_dir() or Path(rest[0]).suffix.lower() == ".zip"):
        return {"photos": [enrolled(folder, done) for folder, done in enrol_folders(register, rest[0], o["consent"], o["keep_photos"], o["group"])]}
    done = register.enrol(rest[0], [(Path(p).name, p) for p in rest[1:]], o["number"], o["group"], o["consent"], o["keep_photos"])
    if done.person is None:
        raise BadInput(done.sentence)
    return enrolled(rest[0], done)


def enrol_folders(register, source, consent, keep_photos=False, group=""):
    """A zip or folder with a folder per person -> yields (folder, Enrolment), a person at a time, as they are done."""
    name, photos = None, []
    if not consent:
        raise BadInput("The people in these folders have not agreed yet. Please ask, and tick the consent, before anything is kept.")
    for photo in read(source, longest=None, on_error=lambda _: None):
        if photo.folder != name and photos:
            yield name, register.enrol(name, photos, "", group, consent, keep_photos)
            photos = []
        if not photo.folder:
            raise BadInput(f"{photo.name} lies in no folder. Please make a folder per person, named after them.")
        name = photo.folder.replace("_", " ")
        photos.append((photo.name, photo.image))
    if photos:
        yield name, register.enrol(name, photos, "", group, consent, keep_photos)


def enrolled(name, done):
    return {"file": name, "sentence": done.sentence, "person": done.person and asdict(done.person), "photos_seen": [asdict(p) for p in done.photos]}


def check_in(register, rest, out, o):
    if not rest:
        raise BadInput("Please name photos, videos or a camera's address to check in from.")
    session = register.open_session(o["session"], o["starts"], o["late_after"], o["group"], o["day"])
    rows = []
    for source in rest:
        if video.is_camera(source) or Path(source).suffix.lower() not in SUFFIXES:
            name, seen = source, best_of(register.check_in_video(video.frames(source), session))
        else:
            name, seen = Path(source).name, register.check_in(source, session, "command line")
        rows += [row(name, s) for s in seen] or [{"file": name, "sentence": "No face was found."}]
    return {"session": asdict(session), "photos": rows}


def best_of(steps):
    """Frames of a video -> one Seen for each person, the one that made the record where there is one, nearest otherwise."""
    people = {}
    for _, _, seen in steps:
        for s in known(seen):
            have = people.get(s.person.id)
            if have is None or (s.new, -s.distance) > (have.new, -have.distance):
                people[s.person.id] = s
    return list(people.values())


def known(seen):
    return [s for s in seen if s.person]


def row(name, seen):
    """A Seen as JSON can carry it."""
    return {"file": name, "sentence": seen.sentence, "name": seen.person and seen.person.name, "new": seen.new, "distance": round(seen.distance, 4)
            if seen.distance != float("inf") else None, "record": seen.record and asdict(seen.record)} | seen.face.as_dict()  # fmt: skip


def report_(register, rest, out, o):
    day = o["day"] or (rest[0] if rest else today())
    found = report.lines(register.register, day, day)
    if out:
        Path(out).write_bytes(report.to_excel(found) if str(out).endswith(".xlsx") else report.to_csv(found).encode())
    said = [
        {"file": f"{r['name']} ({r['session']})", "sentence": f"{r['status']}{', ' + r['first seen'] if r['first seen'] else ''}"} | r
        for r in report.as_rows(found)
    ]
    return {"day": day, "counts": report.count(found), "photos": said or [{"file": day, "sentence": "There is no session on that day."}]}


def people(register, rest, out, o):
    gallery, known = register.gallery()
    return {"photos": [{"file": p.name, "sentence": f"enrolled with {gallery.keys.count(i)} photos"} | asdict(p) for i, p in known.items()]}


def named(register, rest):
    who = " ".join(rest)
    found = [p for p in register.register.people() if who and who in (p.id, p.number, p.name)]
    if len(found) != 1:
        raise BadInput(f"{'Several people are' if found else 'Nobody is'} called {who!r}. Please give the id, as `people` lists it.")
    return found[0]


def export(register, rest, out, o):
    person = named(register, rest)
    said = register.export_person(person.id)
    if out:
        Path(out).write_text(json.dumps(said, indent=1), encoding="utf-8")
    return {"file": person.name, "sentence": f"{len(said['faces'])} face vectors and {len(said['records'])} records."} | said


def erase(register, rest, out, o):
    person = named(register, rest)
    register.erase(person.id)
    return {"file": person.name, "sentence": "erased, with vectors, photos, records and corrections."}


__all__ = ["may_listen", "ready", "run"]  # what the command line and the hub ask of every app

VERBS = {"enrol": enrol, "check-in": check_in, "report": report_, "people": people, "export": export, "erase": erase}
