"""A register in MongoDB, for those who run one already: pymongo behind the same interface.

Tested against mongomock, which imitates a server inside the test; a running MongoDB was not at hand.
"""

import contextlib
from dataclasses import asdict, replace

from core.attendance.records import Correction, Person, Record, Register, Session, StoredFace
from core.attendance.sql import arrived
from core.errors import BadInput, Unavailable


def _from(kind, document):
    return kind(**{**{key: value for key, value in document.items() if key != "_id"}, "id": document["_id"]})


def _to(thing):
    values = asdict(thing)
    return {"_id": values.pop("id"), **values}


class MongoRegister(Register):
    kind = "MongoDB"

    def __init__(self, url, client=None):
        """client: what to use in place of a pymongo.MongoClient; it must raise pymongo's errors"""
        import pymongo

        self.errors = pymongo.errors
        with self._told():
            self.client = client or pymongo.MongoClient(url, serverSelectionTimeoutMS=5000, w="majority", journal=True)
            self.db = self.client.get_default_database("vitrine")
            self.db.people.create_index("number", unique=True, partialFilterExpression={"number": {"$type": "string"}})
            self.db.sessions.create_index([("day", 1), ("name", 1)], unique=True)
            self.db.records.create_index([("person", 1), ("session", 1)], unique=True)
            self.db.faces.create_index("person")

    @contextlib.contextmanager
    def _told(self):
        try:
            yield
        except self.errors.ConfigurationError:
            raise BadInput("DATABASE_URL is not understood. Please write mongodb://USER:PASSWORD@HOST/NAME.") from None
        except self.errors.PyMongoError:
            raise Unavailable("The register in MongoDB does not answer. Please check DATABASE_URL and that the server runs; nothing was lost.") from None

    def version(self):
        return int(self.setting("version") or 0)

    def _changed(self):
        with self._told():
            self.db.settings.update_one({"_id": "version"}, {"$inc": {"value": 1}}, upsert=True)

    def people(self):
        with self._told():
            return sorted((_from(Person, d) for d in self.db.people.find()), key=lambda p: (p.name.lower(), p.id))

    @contextlib.contextmanager
    def _number_is_free(self, person):
        try:
            yield
        except self.errors.DuplicateKeyError:
            taken = self.db.people.find_one({"number": person.number}) or {"name": "somebody else"}
            raise BadInput(f"The id {person.number} already belongs to {taken['name']}. Please choose another id, or leave it empty.") from None

    def add_person(self, person, faces):
        with self._told(), self._number_is_free(person):
            self.db.people.insert_one(_to(person))
        try:
            self.add_faces(faces)
        except BaseException:  # single servers have no transactions: take back by hand
            self.erase(person.id)
            raise

    def change_person(self, person):
        with self._told(), self._number_is_free(person):
            self.db.people.update_one({"_id": person.id}, {"$set": {"name": person.name, "number": person.number, "group": person.group}})
        self._changed()

    def erase(self, person):
        with self._told():
            for collection in (self.db.faces, self.db.corrections, self.db.records):
                collection.delete_many({"person": person})
            self.db.people.delete_one({"_id": person})
        self._changed()

    def add_faces(self, faces):
        with self._told():
            known = {d["_id"] for d in self.db.people.find({"_id": {"$in": [f.person for f in faces]}}, {"_id": 1})}
            if any(face.person not in known for face in faces):
                raise BadInput("That person or session is no longer in the register. Please reload the page.")
            if faces:
                self.db.faces.insert_many([_to(face) for face in faces])
        self._changed()

    def faces(self, person=None):
        with self._told():
            found = self.db.faces.find({} if person is None else {"person": person}).sort([("created_at", 1), ("_id", 1)])
            return [_from(StoredFace, d) for d in found]

    def add_session(self, session):
        with self._told():
            with contextlib.suppress(self.errors.DuplicateKeyError):
                self.db.sessions.insert_one(_to(session))
            return _from(Session, self.db.sessions.find_one({"day": session.day, "name": session.name}))

    def change_session(self, session):
        values = {"starts": session.starts, "late_after": session.late_after, "group": session.group}
        with self._told():
            self.db.sessions.update_one({"_id": session.id}, {"$set": values})

    def sessions(self, first=None, last=None):
        days = {key: day for key, day in (("$gte", first), ("$lte", last)) if day is not None}
        with self._told():
            found = self.db.sessions.find({"day": days} if days else {}).sort([("day", 1), ("starts", 1), ("name", 1)])
            return [_from(Session, d) for d in found]

    def check_in(self, record, seen_before):
        mine = {"person": record.person, "session": record.session}
        with self._told():
            try:
                self.db.records.insert_one(_to(record))
                return record, True
            except self.errors.DuplicateKeyError:
                stands = _from(Record, self.db.records.find_one(mine))
            if stands.first_at is None:
                values = {key: value for key, value in _to(record).items() if key != "_id"}
                done = self.db.records.update_one(mine | {"first_at": None}, {"$set": values})
                if done.modified_count:
                    self.db.corrections.insert_one(_to(arrived(stands, record)))
                return replace(record, id=stands.id), bool(done.modified_count)
            if stands.last_at < seen_before:
                self.db.records.update_one(mine | {"last_at": {"$lt": record.last_at}}, {"$set": {"last_at": record.last_at}})
                stands = replace(stands, last_at=max(stands.last_at, record.last_at))
            return stands, False

    def records(self, sessions=None, person=None):
        query = ({} if sessions is None else {"session": {"$in": list(sessions)}}) | ({} if person is None else {"person": person})
        with self._told():
            return [_from(Record, d) for d in self.db.records.find(query).sort([("first_at", 1), ("_id", 1)])]

    def correct(self, record, correction):
        mine = {"person": record.person, "session": record.session}
        with self._told():
            made = {key: value for key, value in _to(record).items() if key not in ("status", "person", "session")}
            self.db.records.update_one(mine, {"$set": {"status": record.status}, "$setOnInsert": made}, upsert=True)
            self.db.corrections.insert_one(_to(correction))

    def corrections(self, person=None, session=None):
        query = ({} if session is None else {"session": session}) | ({} if person is None else {"person": person})
        with self._told():
            return [_from(Correction, d) for d in self.db.corrections.find(query).sort([("at", -1), ("_id", 1)])]

    def setting(self, key):
        with self._told():
            found = self.db.settings.find_one({"_id": key})
            return None if found is None else str(found["value"])

    def set_setting(self, key, value, only_new=False):
        with self._told():
            self.db.settings.update_one({"_id": key}, {"$setOnInsert" if only_new else "$set": {"value": value}}, upsert=True)
        return self.setting(key)

    def close(self):
        self.client.close()
