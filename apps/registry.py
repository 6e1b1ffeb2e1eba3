"""The one table of apps. Standard library only, so that `list` and the landing page cost nothing."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class App:
    """One row: what the hub shows, which module draws the page, which core module answers."""

    slug: str
    title: str
    blurb: str  # one line
    framework: str  # "gradio" or "streamlit"
    module: str  # gradio: has build() -> gr.Blocks; streamlit: a script with main()
    core: str  # has run(inputs, out=None, **options) -> dict and ready()
    card: str  # assets/weights/CARD.json: where the measured quality stands
    api: str = ""  # streamlit: the module whose ENDPOINTS programs may call
    emoji: str = "🖼️"  # of its Space

    @property
    def quality(self):
        """The measured quality in one line, from the card."""
        return self.read_card()["headline"]

    @property
    def lead(self):
        """What stands under the title of its page: the blurb, and the way back where there are other apps."""
        return self.blurb + (" [All demos](/)" if len(APPS) > 1 else "")

    @property
    def picture(self):
        """A real result, for the hub and the README."""
        return ROOT / "assets" / "shots" / f"{self.slug}.webp"

    @property
    def examples_folder(self):
        return ROOT / "assets" / "examples" / self.slug

    @property
    def examples(self):
        """[(path, caption)] of inputs that work offline, in the order of the folder's index."""
        rows = json.loads((self.examples_folder / "index.json").read_text(encoding="utf-8"))
        return [(self.examples_folder / row["file"], row["caption"]) for row in rows]

    def read_card(self):
        return json.loads((ROOT / "assets" / "weights" / f"{self.card}.json").read_text(encoding="utf-8"))

    def as_dict(self):
        return asdict(self) | {"quality": self.quality}


APPS = (
    App(
        slug="bear-detector",
        title="Bear detector",
        blurb="Grizzly, black bear, teddy, or plainly no bear: with a probability you can believe.",
        framework="gradio",
        module="apps.bear_detector",
        core="core.vision.predict",
        card="bears",
        emoji="🐻",
    ),
    App(
        slug="gradcam-viewer",
        title="Grad-CAM viewer",
        blurb="See where a network looks when it says what it says, and whether the picture deserves belief.",
        framework="gradio",
        module="apps.gradcam_viewer",
        core="core.explain.predict",
        card="explain",
        emoji="🔥",
    ),
    App(
        slug="deepfake-swap",
        title="Deepfake swap",
        blurb="One face into another photo or film: convincing, and sealed so that it cannot pass for the truth.",
        framework="gradio",
        module="apps.deepfake_swap",
        core="core.swap.predict",
        card="swap",
        emoji="🪞",
    ),
    App(
        slug="style-transfer",
        title="Style transfer",
        blurb="Your photo, painted: at once in eight styles, like any painting, or patiently.",
        framework="gradio",
        module="apps.style_transfer",
        core="core.style.command",
        card="style",
        emoji="🎨",
    ),
    App(
        slug="attendance",
        title="Attendance",
        blurb="Faces in, a trustworthy register out: enrol, check in, see who came, export, erase.",
        framework="streamlit",
        module="apps.attendance",
        core="core.attendance.command",
        card="attendance",
        api="apps.attendance_api",
        emoji="🙋",
    ),
    App(
        slug="rag-chatbot",
        title="RAG chatbot",
        blurb="Ask your documents: the answer is quoted from the page it stands on, or they do not say it.",
        framework="streamlit",
        module="apps.rag_chatbot",
        core="core.rag.predict",
        card="reader",
        api="apps.rag_api",
        emoji="📚",
    ),
    App(
        slug="face-generator",
        title="Face generator",
        blurb="Faces of people who do not exist, by seed: pick one, shape it with sliders that mean something, walk between them.",
        framework="gradio",
        module="apps.face_generator",
        core="core.gan.predict",
        card="gan-faces",
        emoji="🎭",
    ),
)


def find(slug):
    """The App of a slug, or None."""
    return next((app for app in APPS if app.slug == slug), None)
