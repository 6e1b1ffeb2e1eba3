"""What people do with a register: enrol, check in, look who came, correct, export, erase.

The page and the command line call this and nothing below it. Pictures come in as anything `core.images.open_image`
takes; photos are kept only when asked for, vectors always sealed.
"""

import base64
import contextlib
import functools
import os
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from core.attendance.draw import crop_of, picture_of, to_jpeg
from core.attendance.records import STATUSES, Correction, Person, Record, Session, StoredFace, data_folder, new_id, now, open_register
from core.attendance.secrets import Guard, open_vault
from core.errors import BadInput, StudioError
from core.faces import predict, quality
from core.faces.gallery import DEFAULT, Gallery
from core.images import open_image

CONSENT = "I agree that my name, numbers computed from photos of my face, and the times I am recognised are kept in this register until I have them erased."
DEBOUNCE = 60  # seconds in which a person seen again is not written again
SURE = 0.2  # the detector's score from which an unknown face is shown
UNLIKE = 0.1  # how much further than the threshold two photos of one enrolment may be apart


@dataclass(frozen=True)
class Examined:
    """What became of one photo of an enrolment; `reason` is empty where it was accepted."""

    photo: str
    reason: str = ""


@dataclass(frozen=True)
class Enrolment:
    person: Person | None  # None: no photo was accepted, nobody was enrolled
    photos: tuple  # of Examined

    @property
    def sentence(self):
        good = sum(not photo.reason for photo in self.photos)
        if self.person is None:
            return "Nobody was enrolled: " + " ".join(f"{p.photo}: {p.reason}." for p in self.photos)
        return f"{self.person.name} is enrolled with {good} of {len(self.photos)} photos."


@dataclass(frozen=True)
class Seen:
    """One face of a picture: where, whose, and what was noted."""

    face: predict.Face
    person: Person | None  # None: unknown
    distance: float  # to the nearest enrolled photo
    limit: float  # below it, the same person
    record: Record | None = None
    new: bool = False  # whether the record was made just now

    @property
    def label(self):
        return f"{self.person.name} {self.distance:.2f}" if self.person else "unknown"

    @property
    def sentence(self):
        if self.person is None:
            return f"Unknown: nobody enrolled is nearer than {self.limit:.2f}."
        if self.record is None:
            return f"{self.person.name}, at distance {self.distance:.2f}."
        return f"{self.person.name} checked in." if self.new else f"{self.person.name} was here already, since {clock(self.record.first_at)}."


def local(moment):
    """A register's time -> datetime on the clock on the wall."""
    return datetime.fromisoformat(moment).astimezone()


def clock(moment):
    return local(moment).strftime("%H:%M:%S") if moment else ""


def today():
    return datetime.now().date().isoformat()


class Attendance:
    """One register with its key, open. Safe to share between threads."""

    def __init__(self, register, vault):
        self.register, self.vault, self.guard = register, vault, Guard(register)
        self._gallery, self._lock = (None, None, None), threading.Lock()

    # Faces

    def gallery(self):
        """(Gallery of everyone, {person id: Person}), opened again only when the register has changed."""
        with self._lock:
            version = self.register.version()
            if self._gallery[0] != version:
                faces = self.register.faces()
                vectors = np.array([self._vector(face) for face in faces], np.float32)
                self._gallery = version, Gallery(vectors, [f.person for f in faces]), {p.id: p for p in self.register.people()}
            return self._gallery[1:]

    def _vector(self, face):
        return np.frombuffer(self.vault.open(face.vector, f"vector {face.id} {face.person}"), "<f4")

    def _sealed(self, person, face, image):
        id_ = new_id()
        photo = self.vault.seal(to_jpeg(image), f"photo {id_} {person}") if image is not None else None
        return StoredFace(id_, person, self.vault.seal(face.vector.astype("<f4").tobytes(), f"vector {id_} {person}"), photo, now())

    def threshold(self):
        """The distance below which two photos are one person: chosen by the visitor, else DEFAULT."""
        return float(self.register.setting("threshold") or DEFAULT)

    def choose_threshold(self, value):
        if not 0.2 <= float(value) <= 0.9:
            raise BadInput("A threshold lies between 0.2 and 0.9. Please choose one in between.")
        self.register.set_setting("threshold", f"{float(value):.3f}")

    def curves(self, target=0.001):
        """False accepts and rejects of this register's own photos. -> core.faces.gallery.Curves"""
        return self.gallery()[0].curves(target)

    # Enrol

    def enrol(self, name, photos, number="", group="", consent=False, keep_photos=False):
        """Enrol a person by photos, each accepted or refused with its reason.

        photos: [(file name, anything open_image takes)]; a person of the same name and number gets them in addition
        -> Enrolment; raises BadInput for a missing name, consent or photo
        """
        name, number, group = name.strip()[:200], (number or "").strip()[:100], (group or "").strip()[:100]
        if not name:
            raise BadInput("Please give a name.")
        if not consent:
            raise BadInput(f"{name} has not agreed yet. Please ask, and tick the consent, before anything is kept.")
        if not photos:
            raise BadInput("Please add at least one photo.")
        known = self._same(name, number)
        person = known or Person(new_id(), name, number or None, group, CONSENT, now(), now())
        accepted, examined = self._examine(person, photos)
        faces = [self._sealed(person.id, face, image if keep_photos else None) for face, image in accepted]
        if not faces:
            return Enrolment(None, tuple(examined))
        self.register.add_faces(faces) if known else self.register.add_person(person, faces)
        return Enrolment(person, tuple(examined))

    def _same(self, name, number):
        same = [p for p in self.register.people() if p.name.casefold() == name.casefold() and (p.number or "") == number]
        return same[0] if len(same) == 1 else None

    def _examine(self, person, photos):
        gallery, people = self.gallery()
        limit, accepted, examined = self.threshold(), [], []
        for name, source in photos:
            try:
                image = open_image(source, name)
                faces = predict.find(image, persistent=True, landmarks=True, careful=True)
                reason = quality.reason_against(faces) or self._against_others(faces[0], person, gallery, people, accepted, limit)
            except BadInput as error:
                reason = str(error).rstrip(".")
            if not reason:
                accepted.append((faces[0], image))
            examined.append(Examined(name, reason))
        return accepted, examined

    def _against_others(self, face, person, gallery, people, accepted, limit):
        match = gallery.search(face.vector[None], limit)[0]
        if match.who is not None and match.who != person.id:
            return f"it looks like {people[match.who].name}, who is enrolled already (distance {match.distance:.2f})"
        if accepted and min(predict.distance(face.vector, other.vector) for other, _ in accepted) > limit + UNLIKE:
            return "it does not look like the person on the photos before it"
        return ""

    # Check in

    def open_session(self, name="Day", starts="09:00", late_after=10, group="", day=None):
        """The Session of that day and name, made where there is none."""
        try:
            datetime.strptime(starts, "%H:%M")
            day = datetime.strptime(day or today(), "%Y-%m-%d").date().isoformat()
        except ValueError:
            raise BadInput("A day is written 2026-11-21, and a start 09:00. Please write it so.") from None
        if not name.strip():
            raise BadInput("Please give the session a name.")
        return self.register.add_session(Session(new_id(), day, name.strip()[:100], starts, int(late_after), group))

    def session_today(self, name):
        """Today's Session of that name, or None."""
        return next((s for s in self.register.sessions(today(), today()) if s.name == name.strip()), None)

    def change_session(self, session, starts, late_after, group):
        """Other times or another group for a Session; written only where something differs."""
        changed = replace(session, starts=starts, late_after=late_after, group=group)
        if changed != session:
            self.register.change_session(changed)

    def recognise(self, source, smallest=None):
        """Everyone in a picture, largest first, nothing noted. -> tuple of Seen"""
        gallery, people = self.gallery()
        faces, limit = predict.find(source, smallest, careful=True), self.threshold()
        matches = gallery.search([face.vector for face in faces], limit)
        seen = (Seen(f, people.get(m.who), m.distance, limit) for f, m in zip(faces, matches, strict=True))
        return tuple(s for s in seen if s.person or s.face.box.score >= SURE)  # a folded sleeve is nobody to enrol

    def check_in(self, source, session, how="webcam", smallest=None, at=None):
        """Everyone in a picture, those known noted in the Session. -> tuple of Seen; what it returns is on disk"""
        return tuple(self.note(seen, session, how, at) for seen in self.recognise(source, smallest))

    def note(self, seen, session, how, at=None):
        """A Seen with its record, made or found."""
        if seen.person is None:
            return seen
        at = at or now()
        before = (datetime.fromisoformat(at) - timedelta(seconds=DEBOUNCE)).isoformat(timespec="seconds")
        record, new = self.register.check_in(Record(new_id(), seen.person.id, session.id, at, at, round(seen.distance, 4), how), before)
        return replace(seen, record=record, new=new)

    def check_in_video(self, frames, session, how="video"):
        """Yield (seconds into the video, picture, tuple of Seen) for the frames of core.faces.video.frames."""
        for at, image in frames:
            yield at, image, self.check_in(image, session, how)

    def drawn(self, source, seen):
        """The picture with a box and a name around each face. -> JPEG bytes"""
        return picture_of(open_image(source), [(s.face.box, s.label, s.person is not None) for s in seen])

    def crop(self, source, seen):
        """The part of a picture around one face, wide enough to enrol from. -> JPEG bytes"""
        return crop_of(open_image(source), seen.face.box)

    # People

    def change(self, person, name, number, group):
        """Other name, number or group for a Person."""
        if not name.strip():
            raise BadInput("Please give a name.")
        self.register.change_person(replace(person, name=name.strip(), number=number.strip() or None, group=group.strip()))

    def photos(self, person):
        """JPEG bytes of each photo that was kept of a person."""
        return [self.vault.open(f.photo, f"photo {f.id} {f.person}") for f in self.register.faces(person) if f.photo]

    def correct(self, person, session, status, who, reason):
        """Set a status by hand; who did it, when and why is kept. `status` None follows the clock again."""
        if status is not None and status not in STATUSES:
            raise BadInput(f"A status is one of {', '.join(STATUSES)}.")
        if not who.strip() or not reason.strip():
            raise BadInput("Please say who corrects this, and why: it is kept with the correction.")
        stands = next((r for r in self.register.records([session.id]) if r.person == person), None)
        record = Record(new_id(), person, session.id, None, None, None, "by hand", status)
        before = (stands.status or ("seen" if stands.first_at else "absent")) if stands else "absent"
        self.register.correct(record, Correction(new_id(), person, session.id, before, status or "by clock", reason.strip(), who.strip()[:100], now()))

    def export_person(self, person):
        """Everything that is kept of a person, as a JSON-ready dict."""
        found = self.person(person)
        sessions = {s.id: s for s in self.register.sessions()}
        faces = self.register.faces(person)
        photos = {f.id: self.vault.open(f.photo, f"photo {f.id} {f.person}") for f in faces if f.photo}
        return {
            "person": asdict(found),
            "faces": [
                {"id": f.id, "created_at": f.created_at, "vector": self._vector(f).tolist()}
                | ({"photo_jpeg_base64": base64.b64encode(photos[f.id]).decode()} if f.id in photos else {})
                for f in faces
            ],
            "records": [asdict(r) | {"session": asdict(sessions[r.session])} for r in self.register.records(person=person)],
            "corrections": [asdict(c) for c in self.register.corrections(person=person)],
            "exported_at": now(),
        }

    def person(self, id_):
        found = next((p for p in self.register.people() if p.id == id_), None)
        if found is None:
            raise BadInput("That person is no longer in the register.")
        return found

    def erase(self, person):
        """The person is gone, with vectors, photos, records and corrections. -> what they were called"""
        name = self.person(person).name
        self.register.erase(person)
        return name


@functools.lru_cache(maxsize=8)
def _opened(*_):
    register = open_register()
    try:
        return Attendance(register, open_vault(register))
    except BaseException:
        register.close()
        raise


def attendance():
    """The shared Attendance of the register and key that the environment names, opened at first use."""
    return _opened(os.environ.get("DATABASE_URL"), str(data_folder()), os.environ.get("STUDIO_ATTENDANCE_KEY"))


def is_local(host):
    return host in ("127.0.0.1", "::1", "localhost")


def may_listen(host):
    """Raise StudioError unless the register may be served at that address: beyond this machine, only behind a passcode."""
    if not is_local(host) and not attendance().guard.is_set:
        raise StudioError(
            f"The attendance register is not served on {host} without a passcode. Please set STUDIO_ATTENDANCE_PASSCODE, "
            "or open it once on this machine and choose one there."
        )


def ready():
    """Load the face models, open the register; raises StudioError if one of them fails."""
    predict.ready()
    attendance()


def warm_up():
    """Load what an enrolment needs; a failure is kept for whoever needs it."""
    with contextlib.suppress(StudioError):
        predict.ready()


def utc(day, time):
    """ "2026-11-21", "09:00" on the wall -> datetime in UTC"""
    return datetime.strptime(f"{day} {time}", "%Y-%m-%d %H:%M").astimezone(UTC)
