"""Every weights file the studio knows: where it lies, what it must hash to, and how to make it again.

Measured quality is not repeated here: each bundled file has a card of the same name beside it
(`assets/weights/NAME.json`), which the README, the pages and the hub all read.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hub:
    """A file in a Hugging Face repository, pinned to one commit."""

    repo: str
    revision: str
    file: str


@dataclass(frozen=True)
class Entry:
    """One weights file. `hub` is None for files that come with the studio."""

    name: str
    file: str
    sha256: str
    bytes: int
    licence: str
    remake: str
    hub: Hub | None = None


ENTRIES = {
    entry.name: entry
    for entry in (
        Entry(
            name="backbone",
            file="backbone.safetensors",
            sha256="82406789add9efa7ec24cb35a287b80dea65d9da59aea58df96c5053b16b6f6b",
            bytes=9_179_558,
            licence="research and teaching, non-commercial: some of the photos it learned from are shared on those terms",
            remake="python -m core.vision.train backbone && python -m core.vision.release backbone",
        ),
        Entry(
            name="bears",
            file="bears.safetensors",
            sha256="38ac9adca214a3b95eea3e92a03c75170a59fe419f0ae92233c85e98c7f0253f",
            bytes=7_936_992,
            licence="research and teaching, non-commercial: some of the photos it learned from are shared on those terms",
            remake="python -m core.vision.train bears && python -m core.vision.release bears",
        ),
    )
}
