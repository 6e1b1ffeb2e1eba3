"""A challenge that a photo held up to the camera fails more often than a face: turn the head.

Two-dimensional liveness lowers the risk and does not remove it: a film of the person on a good screen can pass. How
often it is right has not been measured.
"""

from dataclasses import dataclass

from core.faces import predict
from core.faces.gallery import DEFAULT
from core.faces.quality import turn

TURN = 0.12  # how much further the nose must be off the middle than before, in distances between the eyes' outer corners
CAVEAT = "This makes cheating with a printed photo harder; it does not rule out a film on a screen."


@dataclass(frozen=True)
class Challenge:
    """What came of it; `amount` is how far the head turned, positive in the direction asked for."""

    passed: bool
    sentence: str
    amount: float | None = None


def turned(before, after, direction, threshold=DEFAULT):
    """Two pictures of one person -> Challenge: did the head turn in between?

    direction: "left" or "right", as the picture shows it
    A photo that is turned shrinks sideways as a whole: the nose stays where it was between the eyes. A head's nose moves.
    """
    pair = [predict.find(image, persistent=True, landmarks=True, careful=True) for image in (before, after)]
    if not all(pair):
        return Challenge(False, "No face was found in one of the two pictures. Please try again in better light.")
    first, second = (faces[0] for faces in pair)
    if predict.distance(first.vector, second.vector) > threshold + 0.1:  # a turned head is further away from itself
        return Challenge(False, "The two pictures do not show the same person. Please try again.")
    straight, now = turn(first.landmarks), turn(second.landmarks)
    amount = (now - straight) * (1 if direction == "right" else -1)
    if amount < TURN:
        return Challenge(False, f"The head did not turn to the {direction} far enough. Please look straight first, then turn.", amount)
    return Challenge(True, f"The head turned to the {direction}. {CAVEAT}", amount)
