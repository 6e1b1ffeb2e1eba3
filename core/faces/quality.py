"""Whether a photo is good enough to learn a face from, and if not, why: one reason, in words that help.

The limits were set by eye on Labeled Faces in the Wild: what is refused there is mostly a second face or a turned head.
"""

import numpy as np

SMALLEST = 64  # px across the face
SHARPEST_NEEDED = 6.0  # variance of the Laplacian on the aligned face, grey levels squared
TURNED = 0.35  # how far the nose may be off the middle between the eyes, in distances between the outer corners of the eyes
SECOND = 0.4, 0.3  # a second face counts from this share of the first one's width, and from this score


def reason_against(faces):
    """Faces of one photo (core.faces.predict.find with landmarks, largest first) -> sentence, or "" if it is good."""
    if not faces:
        return "no face was found: look into the camera, in good light"
    first, *others = faces
    if any(f.box.width > SECOND[0] * first.box.width and f.box.score >= SECOND[1] for f in others):
        return f"there are {len(faces)} faces in it: only the person to enrol should be there"
    if first.box.width < SMALLEST:
        return f"the face is too small ({first.box.width} px across, {SMALLEST} are needed): come closer"
    if abs(turn(first.landmarks)) > TURNED:
        return "the head is turned away: look into the camera"
    if sharpness(first.chip) < SHARPEST_NEEDED:
        return "it is blurred: hold still, and wipe the lens"
    return ""


def sharpness(chip):
    """(H, W, 3) uint8 aligned face -> variance of the Laplacian of its grey picture. Pech-Pacheco et al. 2000."""
    grey = chip.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    laplacian = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1] - 4 * grey[1:-1, 1:-1]
    return float(laplacian.var())


def turn(landmarks):
    """(68, 2) px -> how far the nose's tip is off the middle of the eyes, along the line between them.

    0 looks straight ahead, positive has the nose towards the picture's right; about 0.4 for a half profile.
    """
    left, right, nose = landmarks[36], landmarks[45], landmarks[30]
    across = right - left
    return float((nose - (left + right) / 2) @ across / max(1e-6, across @ across))
