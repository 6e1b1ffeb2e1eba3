"""Whose face is it: exact search in all enrolled vectors, a vote over each person's photos, and the threshold.

NumPy alone: 100,000 vectors are 51 MB and one matrix product. `benchmarks/faces.py` compares an approximate index.
"""

from dataclasses import dataclass

import numpy as np

from core.metrics import wilson

DEFAULT = 0.50  # distance; used until the gallery holds enough people and photos to choose from its own
NEIGHBOURS = 5  # photos that vote


@dataclass(frozen=True)
class Match:
    """What a search says of one face."""

    who: object  # the key of the person, or None where nobody is near enough
    distance: float  # to the nearest photo of that person (of anyone, where who is None); inf in an empty gallery
    nearest: object  # the key of the nearest person, whether near enough or not


@dataclass(frozen=True)
class Curves:
    """False accepts and false rejects of a gallery against itself, at every threshold. Shares in [0, 1]."""

    thresholds: list  # distance
    far: list  # of pairs of two people, how many lie below
    frr: list  # of photos, how many lie above all other photos of their person
    threshold: float  # the chosen one
    far_interval: list  # 95 %, at the chosen one
    frr_interval: list
    strangers: int  # pairs of two people
    photos: int  # photos with a second photo of the same person
    own: bool  # whether the threshold comes from this gallery, or is DEFAULT for want of data


class Gallery:
    """Vectors and whose they are. Immutable: a changed register makes a new one.

    vectors: (N, 128) float32; keys: N values, equal for the photos of one person
    """

    def __init__(self, vectors, keys):
        self.vectors = np.ascontiguousarray(vectors, np.float32).reshape(-1, 128)
        self.keys = list(keys)
        names = {key: i for i, key in enumerate(dict.fromkeys(self.keys))}
        self.people = list(names)
        self.owner = np.array([names[key] for key in self.keys], np.int64)
        self.half_norms = np.einsum("nd,nd->n", self.vectors, self.vectors) / 2

    def search(self, vectors, threshold=DEFAULT):
        """(M, 128) -> M Matches. The nearest photos below the threshold vote for their person; a tie goes to the nearest."""
        if not len(self.keys):
            return [Match(None, float("inf"), None) for _ in vectors]
        return [self._vote(np.asarray(v, np.float32), threshold) for v in vectors]

    def _vote(self, vector, threshold):
        # |a - b|^2 / 2 = |a|^2 / 2 + |b|^2 / 2 - ab: one matrix product, and the part of the asked face left out while ranking.
        # By einsum and not by BLAS, whose threads wait for each other on a busy machine (16 ms for 10,000 instead of 0.7).
        rank = self.half_norms - np.einsum("nd,d->n", self.vectors, vector)
        count = min(NEIGHBOURS, len(rank))
        near = np.argpartition(rank, count - 1)[:count]
        distances = np.linalg.norm(self.vectors[near] - vector, axis=1)  # exact for the few that matter
        order = np.argsort(distances)
        near, distances = near[order], distances[order]
        nearest = self.people[self.owner[near[0]]]
        inside = self.owner[near[distances < threshold]]
        if not len(inside):
            return Match(None, float(distances[0]), nearest)
        owners, votes = np.unique(inside, return_counts=True)
        tied = set(owners[votes == votes.max()])
        best = next(o for o in inside if o in tied)
        return Match(self.people[best], float(distances[self.owner[near] == best][0]), nearest)

    def curves(self, target=0.001, most=2000):
        """Curves of this gallery, and the largest threshold whose false accepts are at most `target`.

        Where two people are too few, or nobody has two photos, the threshold is DEFAULT. At most `most` photos are
        compared with each other.
        """
        keep = np.random.default_rng(0).permutation(len(self.keys))[:most]
        v, owner = self.vectors[keep].astype(np.float64), self.owner[keep]
        d = np.sqrt(np.maximum(((v**2).sum(1)[:, None] + (v**2).sum(1) - 2 * v @ v.T), 0))
        same = owner[:, None] == owner[None]
        np.fill_diagonal(d, np.inf)
        upper = np.triu(np.ones_like(same), 1).astype(bool)
        strangers = np.sort(d[upper & ~same])
        own = np.where(same, d, np.inf).min(1) if len(d) else np.zeros(0)
        own = np.sort(own[np.isfinite(own)])
        grid = np.round(np.arange(0.30, 0.8001, 0.01), 2)
        far = np.searchsorted(strangers, grid) / max(1, len(strangers))
        frr = 1 - np.searchsorted(own, grid) / max(1, len(own))
        enough = len(strangers) >= 1 and len(own) >= 2
        allowed = grid[(far <= target) & (grid <= 0.60)]
        threshold = float(allowed[-1]) if enough and len(allowed) else DEFAULT
        accepts = int(np.searchsorted(strangers, threshold))
        rejects = len(own) - int(np.searchsorted(own, threshold))
        return Curves(grid.tolist(), far.tolist(), frr.tolist(), threshold, wilson(accepts, len(strangers)), wilson(rejects, len(own)),
                      len(strangers), len(own), bool(enough))  # fmt: skip
