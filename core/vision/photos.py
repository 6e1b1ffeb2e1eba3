"""Labelled photos from a zip or a folder, and which of them a network may learn from.

The held-out rule lives here so that training and measuring can never disagree on it: photos that look alike are
put in one cluster, and a cluster goes to `train`, `val` or `test` as a whole, by a hash of its first name. Crops, which look
alike to people only, are named in TWINS.
"""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from core.photos import Photo, read


def fingerprint(image):
    """64-bit difference hash of a picture: an int whose bits say "brighter than the right neighbour" on a 9 x 8 grid.

    Krawetz 2013, "Kind of like that" (dHash). Equal photos at other sizes and qualities differ in a few bits.
    """
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BILINEAR, reducing_gap=3.0), dtype=np.int16)
    return int(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes().hex(), 16)


def clusters(prints, alike=6):
    """Fingerprints -> for each the place of the first one that looks like it, which may be its own.

    alike: photos whose fingerprints differ in at most this many of 64 bits share a cluster
    """
    prints = np.array(prints, dtype=np.uint64)
    leader = list(range(len(prints)))
    for i in range(1, len(prints)):
        close = np.flatnonzero(np.bitwise_count(prints[:i] ^ prints[i]) <= alike)
        if len(close):
            leader[i] = leader[close[0]]
    return leader


def splits(photos, shares, alike=6):
    """Say of each photo whether it is for "train", "val" or "test".

    photos: list of Photo
    shares: Photo -> (percent of test, percent of val)
    alike:  as in `clusters`
    returns list of str, one for each photo
    """
    out = []
    for head in clusters([fingerprint(photo.image) for photo in photos], alike):
        photo = photos[head]
        bucket = int(hashlib.sha256(photo.key.encode()).hexdigest(), 16) % 100
        test, val = shares(photo)
        out.append("test" if bucket < test else "val" if bucket < test + val else "train")
    return out


CLASSES = ("grizzly", "black", "teddy", "other")
OTHER = CLASSES.index("other")
OTHERS = ("imagenet_sample", "pets", "everyday_photos", "raccoon_boxes", "content_photos", "paintings", "lfw_folds_1_to_3")
# Photos of the "other" sets that do show a grizzly or a teddy, found by looking at what the teacher disagreed with.
SHOW_A_BEAR = {
    "n04399382_teddy.jpg",
    "COCO_val2014_000000000285.jpg",
    "COCO_val2014_000000000776.jpg",
    "COCO_test2014_000000000155.jpg",
}
# Photos of bears.zip that image search filed wrongly, found by looking at all 1,247 that nobody had checked, and not only at
# those that a network takes for something else: what they show, or None for what has no place in any class, such as a drawing, a logo,
# a mascot, lettering, or two kinds in one picture. A brown black bear is a black bear, and what cannot be told is as it came.
CORRECTED = {
    "black/b_00000047": "grizzly",
    "black/b_00000149": "grizzly",
    "black/b_00000195": "grizzly",
    "black/d_00000169": "grizzly",
    "teddy/c_00000146": "black",
    "black/c_00000191": "teddy",
    "black/d_00000063": "teddy",
    "grizzly/d_00000082": "other",
    "teddy/b_00000193": "other",
} | dict.fromkeys(
    "black/b_00000144 black/c_00000065 black/d_00000030 black/d_00000059 black/d_00000062 black/d_00000076 black/d_00000079 black/d_00000098 "
    "black/d_00000130 black/d_00000132 black/d_00000155 black/d_00000159 black/d_00000165 black/d_00000173 black/d_00000197 "
    "grizzly/c_00000134 grizzly/c_00000161 grizzly/d_00000087 grizzly/d_00000148 "
    "teddy/b_00000001 teddy/b_00000004 teddy/b_00000011 teddy/b_00000014 teddy/b_00000129 teddy/b_00000139 teddy/b_00000195".split()
)
# Held-out photos that training knows in another crop, from another moment at the same place, or as another photo of the same toy:
# fingerprints do not see that. Found by matching SIFT points with the six nearest photos in the teacher's features, then by looking.
# Nothing is measured on them.
TWINS = set(
    "black/a_00000009 black/a_00000010 black/a_00000051 black/a_00000110 black/a_00000129 black/a_00000131 black/a_00000136 black/b_00000102 "
    "black/c_00000025 black/c_00000077 black/d_00000001 black/d_00000027 black/d_00000029 "
    "grizzly/a_00000068 grizzly/b_00000011 grizzly/b_00000022 grizzly/b_00000099 grizzly/b_00000100 grizzly/b_00000113 grizzly/b_00000147 "
    "grizzly/b_00000154 grizzly/c_00000003 grizzly/c_00000109 grizzly/c_00000127 grizzly/c_00000152 "
    "teddy/a_00000070 teddy/a_00000078 teddy/b_00000044 teddy/c_00000005 teddy/c_00000011 teddy/d_00000181 teddy/d_00000197 "
    "lfw_folds_1_to_3/Don_Nickles/Don_Nickles_0002".split()
)


def bear_corpus(data, corrected=True):
    """All photos the bear detector is trained, tuned and measured on.

    data:      folder that holds bears.zip and the zips named in OTHERS
    corrected: whether CORRECTED is heeded; False takes the labels of bears.zip as they came
    returns (photos, labels, parts): Photo, index into CLASSES, "train" | "val" | "test" | "twin" (of TWINS); one of each per photo

    The hand-checked photos (`a_` in bears.zip) are scarce and the best ruler, so more of them are held out.
    Of the faces every tenth is taken: they stand for "people are no bears".
    """
    data = Path(data)
    photos, labels = [], []
    for photo in read(data / "bears.zip"):
        photos.append(photo)
        labels.append(CLASSES.index(photo.folder))
    for name in OTHERS:
        for index, photo in enumerate(read(data / f"{name}.zip")):
            if photo.name in SHOW_A_BEAR or (name.startswith("lfw") and index % 10):
                continue
            photos.append(Photo(photo.name, f"{name}/{photo.folder}", photo.image))
            labels.append(OTHER)
    parts = splits(photos, lambda p: (40, 15) if p.name.startswith("a_") else (15, 10))
    parts = ["twin" if part == "test" and photo.key.rpartition(".")[0] in TWINS else part for photo, part in zip(photos, parts, strict=True)]
    if corrected:  # after the split, which so is the same either way
        shown = [CORRECTED.get(photo.key.rpartition(".")[0], CLASSES[label]) for photo, label in zip(photos, labels, strict=True)]
        kept = [row for row in zip(photos, shown, parts, strict=True) if row[1]]
        photos, parts = [row[0] for row in kept], [row[2] for row in kept]
        labels = [CLASSES.index(row[1]) for row in kept]
    return photos, labels, parts
