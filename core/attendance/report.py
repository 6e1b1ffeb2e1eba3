"""Who came, late or not at all: tables of a register, as CSV and as Excel."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core import tables
from core.attendance.service import clock, local, utc

COLUMNS = ("name", "status", "first seen", "last seen", "session", "day", "id", "group", "distance", "noted by", "corrected by")
SUMMARY = ("name", "id", "group", "sessions", "on time", "late", "absent", "excused", "present share")


@dataclass(frozen=True)
class Line:
    """One person in one session."""

    session: object  # records.Session
    person: object  # records.Person
    status: str  # one of STATUSES, or "expected" while the session has not begun
    record: object | None
    corrected_by: str = ""

    def cells(self):
        """In the order of COLUMNS."""
        r, p = self.record, self.person
        times = (clock(r.first_at), clock(r.last_at)) if r else ("", "")
        how = ("" if r.distance is None else f"{r.distance:.3f}", r.source) if r else ("", "")
        return [p.name, self.status, *times, self.session.name, self.session.day, p.number or "", p.group, *how, self.corrected_by]


def status_of(record, session, at=None):
    """What stands for a person in a session: set by hand, else by the clock against start and minutes of grace."""
    if record and record.status:
        return record.status
    closes = utc(session.day, session.starts) + timedelta(minutes=session.late_after)
    if record and record.first_at:
        return "on time" if datetime.fromisoformat(record.first_at) <= closes else "late"
    return "absent" if (at or datetime.now(UTC)) > closes else "expected"


def lines(register, first, last, session=None, search=""):
    """Every person expected or seen in each session from day to day. -> list of Line

    Expected are those of the session's group (everyone, where it names none) who were enrolled by that day.
    """
    sessions = [s for s in register.sessions(first, last) if session is None or s.id == session]
    people, out = {p.id: p for p in register.people()}, []
    noted = {(r.session, r.person): r for r in register.records([s.id for s in sessions])}
    hands = {}
    for c in register.corrections():
        hands.setdefault((c.session, c.person), f"{c.who}, {local(c.at):%Y-%m-%d %H:%M}: {c.reason}")
    for s in sessions:
        for p in people.values():
            record = noted.get((s.id, p.id))
            expected = (not s.group or s.group == p.group) and local(p.created_at).date().isoformat() <= s.day
            if record or expected:
                out.append(Line(s, p, status_of(record, s), record, hands.get((s.id, p.id), "")))
    return [line for line in out if search.casefold() in " ".join(map(str, line.cells())).casefold()]


def count(found):
    """list of Line -> {status: how many}"""
    out = {}
    for line in found:
        out[line.status] = out.get(line.status, 0) + 1
    return out


def by_person(found):
    """list of Line -> rows in the order of SUMMARY, by name"""
    out = {}
    for line in found:
        if line.status != "expected":
            out.setdefault(line.person.id, (line.person, []))[1].append(line.status)
    rows = []
    for person, said in out.values():
        numbers = [said.count(status) for status in ("on time", "late", "absent", "excused")]
        rows.append([person.name, person.number or "", person.group, len(said), *numbers, round((numbers[0] + numbers[1]) / len(said), 3)])
    return sorted(rows, key=lambda row: str(row[0]).casefold())


def by_day(found):
    """list of Line -> {day: {"on time": n, "late": n, "absent": n, "excused": n}}, for a chart"""
    out = {}
    for line in found:
        if line.status != "expected":
            counts = out.setdefault(line.session.day, {"on time": 0, "late": 0, "absent": 0, "excused": 0})
            counts[line.status] += 1
    return out


def as_rows(found):
    """list of Line -> list of dicts under COLUMNS"""
    return [dict(zip(COLUMNS, line.cells(), strict=True)) for line in found]


def corrections(register, found):
    """What was corrected of these Lines, newest first. -> list of dicts"""
    names = {(line.session.id, line.person.id): line for line in found}
    return [
        {"name": names[c.session, c.person].person.name, "day": names[c.session, c.person].session.day, "from": c.before, "to": c.after,
         "by": c.who, "at": f"{local(c.at):%Y-%m-%d %H:%M}", "reason": c.reason}
        for c in register.corrections() if (c.session, c.person) in names
    ]  # fmt: skip


def to_csv(found):
    return tables.to_csv(COLUMNS, [line.cells() for line in found])


def to_excel(found):
    """list of Line -> bytes of an .xlsx with a sheet of all lines and one of all people"""
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "Register"
    for sheet, columns, rows in ((book.active, COLUMNS, [line.cells() for line in found]), (book.create_sheet("People"), SUMMARY, by_person(found))):
        sheet.append(columns)
        for row in rows:
            sheet.append([tables.harmless(cell) for cell in row])
        sheet.freeze_panes = "A2"
        for column, title in zip(sheet.columns, columns, strict=True):
            sheet.column_dimensions[column[0].column_letter].width = max(10, len(title) + 2, *(min(40, len(str(c.value or ""))) for c in column))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
