"""The tab "Train" of the bear detector's page: name classes, add photos, see how good it is, take it home."""

import gradio as gr

from apps import own_report, registry, ui
from core.errors import BadInput
from core.vision import own, workshop

SHOWN = 60  # photos in the gallery; a thousand would choke a phone
HELP = f"Name a class, add photos of it, then do the same for the next one. {workshop.LIMITS}. Nothing is stored: closing the page forgets it all."


def view(shop):
    """What shows a workshop, in the order of `tab`'s outputs: state, classes, gallery, its ids, where to move a photo to."""
    shown = shop.samples[-SHOWN:] if shop else []
    photos = gr.Gallery([(s.thumb, s.label) for s in shown], visible=bool(shown))
    names = list(shop.counts()) if shop else []
    return shop, own_report.summary(shop), photos, [s.id for s in shown], gr.Dropdown(choices=names, value=None), gr.Row(visible=bool(shown))


def follow(work, shop, progress):
    """Run a generator of (done, total) that fills a workshop, which the page knows from the start, so that Stop keeps what is in it."""
    yield view(shop)
    with ui.sentences():
        for done, total in work:
            progress((done, total), desc="Looking", unit="photos")
            yield gr.skip()
    yield view(shop)


def add(shop, name, files, shot, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    shop = shop or workshop.Workshop()
    yield from follow(shop.add(name, [*(files or []), *([shot] if shot else [])]), shop, progress)


def add_zip(shop, path, progress=gr.Progress()):  # noqa: B008
    shop = shop or workshop.Workshop()
    yield from follow(shop.add_source(path), shop, progress)


def add_examples(shop, progress=gr.Progress()):  # noqa: B008
    shop = workshop.Workshop()
    paths = {path.stem: path for path, _ in registry.find("bear-detector").examples}
    yield from follow(shop.add_crops({"mug": paths["coffee"], "cat": paths["chelsea"], "teddy": paths["teddy"]}), shop, progress)


def train(shop):
    """Workshop -> what stands in `tab`'s RESULT outputs: the classifier, the report, the worst photos, their ids, the file."""
    with ui.sentences():
        if not shop:
            raise BadInput("Please add photos of at least two classes first.")
        trained = shop.train()
    path = str(trained.classifier.save(ui.download_path("my-classifier.safetensors")))
    worst = gr.Gallery([(m.sample.thumb, m.caption()) for m in trained.worst], visible=bool(trained.worst))
    return trained.classifier, own_report.result(trained), worst, [m.sample.id for m in trained.worst], gr.DownloadButton(value=path, interactive=True)


def load(path):
    """An uploaded file -> the classifier, and what it says of itself."""
    with ui.sentences():
        classifier = own.open_classifier(path)
    return classifier, ui.panel("own", "Ready", f"{classifier.describe()} Use it in the tab “Photo”.")


def tab(classifier):
    """Draw the tab; `classifier` is the page's State that the first tab looks with."""
    shop, ids, worst_ids, chosen = gr.State(None, time_to_live=ui.KEEP_FOR), gr.State([]), gr.State([]), gr.State(None)
    gr.Markdown(HELP)
    with gr.Row():
        with gr.Column():
            name = gr.Textbox(label="Class", placeholder="mug", max_length=workshop.MAX_NAME)
            files = gr.File(label="Photos of it", file_count="multiple", file_types=["image"], height=150)
            with gr.Accordion("By webcam", open=False):
                shot = ui.photo_input(label="Webcam", height=240)
            put = gr.Button("Add to the class", variant="primary")
            with gr.Accordion("A zip with a folder for each class, or a classifier saved earlier", open=False):
                packed = gr.File(label="Zip", file_types=[".zip"], height=120)
                before = gr.File(label="Saved classifier", file_types=[".safetensors"], height=120)
            sample = gr.Button("Fill with our examples")
        with gr.Column():
            classes = gr.HTML(own_report.summary(None))
            photos = gr.Gallery(label=f"Photos (the last {SHOWN})", columns=4, height=260, visible=False, allow_preview=False)
            with gr.Row():
                go = gr.Button("Train", variant="primary", min_width=90)
                stop, clear = gr.Button("Stop", min_width=90), gr.Button("Clear", min_width=90)
    report = gr.HTML()
    worst = gr.Gallery(label="Most wrong: tap one to move or delete it, then train again", columns=6, height=260, visible=False, allow_preview=False)
    file = gr.DownloadButton("Download the classifier", interactive=False)
    with gr.Row(visible=False, equal_height=True) as correct:
        target = gr.Dropdown(label="Tap a photo, then move it to", choices=[], allow_custom_value=True)
        move, delete = gr.Button("Move", min_width=90), gr.Button("Delete", min_width=90)
    drawn, hidden = [shop, classes, photos, ids, target, correct], dict(api_visibility="private")
    jobs = [put.click(add, [shop, name, files, shot], drawn, **hidden), packed.upload(add_zip, [shop, packed], drawn, **hidden),
            sample.click(add_examples, shop, drawn, **hidden)]  # fmt: skip
    jobs[0].success(lambda: (None, None), None, [files, shot], **hidden)
    stop.click(view, shop, drawn, cancels=jobs, **hidden)
    clear.click(lambda: view(None), None, drawn, **hidden)
    go.click(train, shop, [classifier, report, worst, worst_ids, file], **hidden)
    before.upload(load, before, [classifier, report], **hidden)
    for gallery, known in ((photos, ids), (worst, worst_ids)):
        gallery.select(pick, known, chosen, **hidden)
    move.click(change, [shop, chosen, target], drawn, **hidden)
    delete.click(change, [shop, chosen], drawn, **hidden)


def pick(ids, event: gr.SelectData):
    return ids[event.index]


def change(shop, chosen, label=None):
    """Move the tapped photo to a class, or delete it if no class is given."""
    with ui.sentences():
        if shop is None or chosen is None:
            raise BadInput("Please tap a photo first.")
        shop.move([chosen], label) if label is not None else shop.delete([chosen])
    return view(shop)
