"""What can go wrong, in sentences a visitor can act on.

Every message ends up in front of a person: it says what happened and what to do next.
Pages, the command line and the API show `str(error)` and nothing else.
"""


class StudioError(Exception):
    """Base of everything the studio raises on purpose."""


class BadInput(StudioError):
    """What the visitor gave cannot be used: a broken picture, an empty folder, a number out of range."""


class WeightsError(StudioError):
    """A weights file is missing, damaged, or not the one the catalogue names."""


class Unavailable(StudioError):
    """Something outside this machine, or an optional part of the studio, is not there."""


class Cancelled(StudioError):
    """The visitor stopped the work; what was saved before stays saved."""
