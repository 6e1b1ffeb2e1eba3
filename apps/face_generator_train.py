"""The tab "Train" of the face generator's page: pictures in, a live grid, a generator to take home."""

import gradio as gr

from apps import ui
from core.gan import own

HELP = f"""Train a small generator on pictures of your own. {own.LIMITS}. On a laptop the first shapes come after five minutes.
Nothing is stored: closing the page forgets it all."""


def train(shop, files, minutes, progress=gr.Progress()):  # noqa: B008  (Gradio finds it by this default)
    """-> workshop, grid, words; the page knows the workshop from the start, so that Stop keeps what it learned."""
    with ui.sentences():
        shop = shop or own.Workshop(files)
        yield shop, gr.skip(), gr.skip()
        for done, total, grid in shop.train(minutes):
            progress((round(done), round(total)), desc="Training", unit="seconds")
            yield shop, gr.skip() if grid is None else grid, gr.skip() if grid is None else shop.sentence


def save(shop):
    if shop is None:
        raise gr.Error("Please train first.", print_exception=False)
    return gr.DownloadButton("Download generator", value=str(shop.save(ui.download_path("my-generator.safetensors"))))


def tab(private):
    """Draw the tab. private: options of its events."""
    shop = gr.State(None, time_to_live=ui.KEEP_FOR)
    gr.Markdown(HELP)
    with gr.Row():
        with gr.Column():
            files = gr.File(label="Pictures, or one zip of them", file_count="multiple", file_types=["image", ".zip"], height=180)
            minutes = gr.Slider(1, 120, 10, step=1, label="Minutes")
            with gr.Row():
                go, stop = gr.Button("Train", variant="primary", min_width=90), gr.Button("Stop", min_width=90)
                clear = gr.Button("Start over", min_width=90)
            download = gr.DownloadButton("Prepare generator")
        with gr.Column():
            grid, words = (
                gr.Image(label="What it makes by now", format="webp", interactive=False, height=384),
                gr.Markdown("Stop at any time; Train goes on from there.", min_height=80),
            )
    work = go.click(train, [shop, files, minutes], [shop, grid, words], show_progress_on=words, **private)
    stop.click(None, cancels=[work])
    clear.click(lambda: (None, None, ""), None, [shop, grid, words], cancels=[work], **private)
    download.click(save, shop, download, **private)
