"""Do our heat maps equal those of grad-cam (pytorch-grad-cam on PyPI) and of captum, and how much faster do they come?

    python benchmarks/explain.py [--photos ZIP_OR_DIR] [--count 20] [--model bears] [--json]

Same model, same photos, same layer, same threads, in turns in one process. For each method: the smallest and the mean
correlation of the two maps over the photos, both as the method leaves them, and the ratio of the median times.
Eigen-CAM's sign is arbitrary in the library; it is turned to ours before the two are compared. The five gradient
methods are timed together, as a page that shows them side by side needs them: ours from one pass, theirs one by one.
Both sides get the model as a user of theirs would have it, except that ours keeps its weights channels last.
"""

import argparse
import contextlib
import copy
import io
import itertools
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import runtime  # noqa: E402

torch = runtime.prepare_torch()

import numpy as np  # noqa: E402

from core.explain import cam, predict  # noqa: E402
from core.vision.photos import read  # noqa: E402

QUICK = ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam")
SLOW = ("ablationcam", "scorecam")


def theirs(net, layer, method):
    """A function (picture, class) -> (h, w) numpy that asks grad-cam for its map at the layer's own resolution."""
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    kinds = {"gradcam": library.GradCAM, "gradcam++": library.GradCAMPlusPlus, "hirescam": library.HiResCAM, "layercam": library.LayerCAM,
             "eigencam": library.EigenCAM, "ablationcam": library.AblationCAM, "scorecam": library.ScoreCAM}  # fmt: skip

    def ask(picture, label):
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bars
            tool = kinds[method](model=net, target_layers=[cam.find(net, layer)])
            raw, image = {}, tool.get_cam_image

            def keep(*args):
                raw["map"] = image(*args)
                return raw["map"]

            tool.get_cam_image = keep
            try:
                tool(picture, [ClassifierOutputTarget(label)])
            finally:
                tool.activations_and_grads.release()
        return raw["map"][0]

    return ask


def correlation(ours, other, method):
    """Pearson's, of two (h, w) maps after ReLU; a pair of empty maps agrees."""
    other = np.asarray(other, float)
    pair = [np.maximum(sign * other, 0) for sign in ((1, -1) if method == "eigencam" else (1,))]
    if not ours.max() > 0:
        return 1.0 if any(not p.max() > 0 for p in pair) else 0.0
    return max(float(np.corrcoef(ours.ravel(), p.ravel())[0, 1]) if p.std() else 0.0 for p in pair)


def raw(question, method):
    """Our map before it is scaled and enlarged, (h, w) numpy."""
    a, g = question.captured.a, question.captured.g
    if method == "scorecam":
        return predict.finish(cam.scorecam(a, question.picture, question.score))[0].numpy()
    if method == "ablationcam":
        return predict.finish(cam.ablationcam(a, predict.rescore(question)))[0].numpy()
    quick = dict(zip(QUICK, (cam.gradcam, cam.gradcam_plus_plus, cam.hirescam, cam.layercam, cam.eigencam), strict=True))
    return quick[method](a, g)[0].numpy()


def timed(work):
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def compare(photo, model, size, plain, methods, agree, times):
    """Both sides on one photo; adds to agree {method: [correlation]} and times {what: ([ours], [theirs])}, in seconds."""
    question, asking = timed(lambda: predict.ask(photo, model, size=size))
    layer, picture, label = question.layer.name, question.picture.contiguous(), question.label
    five, together = "five gradient maps", [asking, 0.0]
    for method in methods:
        mine, ours = timed(lambda method=method: raw(question, method))
        other, rival = timed(lambda method=method: theirs(plain, layer, method)(picture, label))
        agree.setdefault(method, []).append(correlation(mine, other, method))
        if method in QUICK:
            together = [together[0] + ours, together[1] + rival]
        else:
            _note(times, method, ours, rival)
    _note(times, five, *together)
    return question, layer


def _note(times, what, ours, rival):
    for side, seconds in zip(times.setdefault(what, ([], [])), (ours, rival), strict=True):
        side.append(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", default=ROOT.parent / "shared" / "data" / "imagenet_sample.zip", help="zip or folder")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--slow", type=int, default=20, help="photos for Score-CAM and Ablation-CAM")
    parser.add_argument("--model", default=None)
    parser.add_argument("--size", type=int, default=224, help="px the model is shown")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    photos = [photo.image for photo in itertools.islice(read(args.photos), 0, None, 7)][: args.count]
    subject = predict.ask(photos[0], args.model, size=args.size).subject
    plain = copy.deepcopy(subject.net).to(memory_format=torch.contiguous_format).requires_grad_(True)
    agree, times = {}, {}
    for index, photo in enumerate(photos):
        methods = (*QUICK, *SLOW) if index < args.slow else QUICK
        question, layer = compare(photo, args.model, args.size, plain, methods, agree, times)
        print(f"\r{index + 1} of {len(photos)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report = {
        "model": subject.title, "pixels": subject.size, "layer": layer, "photos": len(photos), "threads": runtime.threads(),
        "correlation": {m: {"n": len(v), "least": round(min(v), 6), "mean": round(statistics.mean(v), 6)} for m, v in agree.items() if v},
        "milliseconds": {m: {"ours": round(1000 * statistics.median(a), 1), "grad-cam": round(1000 * statistics.median(b), 1)} for m, (a, b) in times.items()},
        "times_faster": {m: round(statistics.median(b) / statistics.median(a), 2) for m, (a, b) in times.items()},
    }  # fmt: skip
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
