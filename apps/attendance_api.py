"""The register for programs: what the kiosk page does with a photo."""

import os
from pathlib import Path

from core.attendance import command
from core.attendance.service import attendance, may_listen
from core.errors import BadInput


def enrol(name: str, photos: list[Path], consent: str = "no", group: str = "", passcode: str = ""):
    """Enrol a person with their photos, once they have agreed.

    Args:
        name: the person's name
        photos: picture files, each with this one face
        consent: yes, if the person has agreed that their face vectors are kept
        group: class or team; empty for none
        passcode: the register's passcode, where it has one

    Returns:
        the person, and for each photo whether it was taken or why not
    """
    let_in(passcode)
    if not photos:
        raise BadInput("Please send at least one photo of the person.")
    return command.run(["enrol", name, *map(str, photos)], consent=consent, group=group)


def check_in(photo: Path, session: str = "Day", passcode: str = ""):
    """Find the enrolled people in a photo and record them as present.

    Args:
        photo: picture file, of one person or of a group
        session: name of today's session
        passcode: the register's passcode, where it has one

    Returns:
        for each face: whom it was taken for, how near (distance), whether the record is new, and its box
    """
    let_in(passcode)
    return command.run(["check-in", str(photo)], session=session)


def let_in(passcode):
    """Raise StudioError unless the caller may use the register: the page's own two rules."""
    may_listen(os.environ.get("STUDIO_HOST", "127.0.0.1"))
    if attendance().guard.is_set:
        attendance().guard.enter(passcode)


ENDPOINTS = (enrol, check_in)
