"""The README says what is true: its table is the registry, its numbers are the cards', its commands exist."""

import json
import re
from pathlib import Path

from PIL import Image

from apps import registry
from core import catalog, weights
from core.gan.evaluate import REAL
from core.vision.photos import CORRECTED

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS = " ".join(README.split())  # wherever its lines end


def table():
    head = "| app | what it does | made with | measured |\n|---|---|---|---|\n"
    return head + "".join(f"| {app.title} (`{app.slug}`) | {app.blurb} | {app.framework.capitalize()} | {app.quality} |\n" for app in registry.APPS)


def test_the_table_of_apps_is_the_registry():
    assert table() in README, f"the README's table should read:\n{table()}"


def test_the_two_commands_are_there():
    assert "pip install -r requirements.txt && python -m apps\n" in README
    assert "pip install -r requirements-dev.txt && python -m pytest\n" in README


def test_figures_in_the_text_are_the_cards():
    quality = weights.card("bears")["quality"]
    by_hand, as_filed = (weights.card("bears")[key] for key in ("quality_on_hand_checked_bears", "quality_as_filed"))
    for text in (
        f"accuracy {quality['accuracy']:.3f} on {quality['n_bears']} bears",
        f"AUROC {quality['auroc_no_bear']:.4f} against {quality['n_other']} other photos",
        f"ECE {quality['ece']:.3f}",
        f"{quality['fpr_at_95_recall']:.3f} of the others pass when 95 % of the bears do",
        f"{by_hand['accuracy']:.3f} on the {by_hand['n_bears']} hand-checked ones",
        f"and {len(CORRECTED)} put right or left out",
        f"{as_filed['accuracy']:.3f} of {as_filed['n_bears']} (`--as-filed`)",
    ):
        assert text in WORDS, text
    card = weights.card("backbone")
    quality, own = card["quality"], card["train_your_own"]
    for text in (
        f"Of {quality['n']} unseen ImageNet photos it names",
        f"right class first for {quality['top1']['share']:.3f} and among its first five for {quality['top5']['share']:.3f}",
        f"(the frozen teacher it learned from: {quality['teacher']['top1']['share']:.3f} and {quality['teacher']['top5']['share']:.3f}",
        f"{quality['groups']['count']} everyday groups first for {quality['groups']['top1']['share']:.3f} and among its first three for "
        f"{quality['groups']['top3']['share']:.3f} (the teacher: {quality['teacher']['groups']['top1']['share']:.3f}",
        f"{own['accuracy']:.3f} right, {own['naming_accuracy']:.3f} with *none of these* set aside",
        f"{own['teacher_naming_accuracy']:.3f}); of {own['n_strangers']} photos of other things, {own['strangers_told']:.3f} were told",
    ):
        assert text in WORDS, text


def test_figures_of_the_faces_are_the_card_s():
    quality = weights.card("gan-faces")["quality"]
    rows, copied = quality["rows"], quality["copies"]
    ours, plain = rows["gan-faces"], rows["gan-faces-dcgan"]
    for name, row in rows.items():
        if "pictures" in row:
            low, high = row["kid_interval"]
            assert f"| {name} | {row['pictures']:,} pictures, {row['hours']:.1f} h | {row['kid']:.3f} ({low:.3f} to {high:.3f}) |" in README, name
    for text in (
        f"{plain['kid'] / ours['kid']:.1f} times the KID",
        f"off by {ours['spectrum']:.2f}, the plain DCGAN by {plain['spectrum']:.2f} and other photos by {rows[REAL]['spectrum']:.3f}",
        f"the ratio is {plain['fid_faces'] / ours['fid_faces']:.2f}",
        f"{copied['nearer_than_1_percent_of_real']:.1%} of {copied['n']:,} are nearer than the nearest 1 % of real ones",
    ):
        assert text in WORDS, text


def test_figures_of_the_heat_maps_are_the_card_s():
    quality = registry.find("gradcam-viewer").read_card()["quality"]
    boxes, words = quality["boxes"], WORDS
    ours, blob = boxes["methods"]["gradcam"], boxes["methods"]["centred blob"]
    for text in (
        f"On {quality['agreement']['correlation']['gradcam']['n']} photos the five gradient methods correlate",
        f"the five come {quality['speed']['times_faster']['five gradient maps']:.1f} times as fast",
        f"Score-CAM {quality['speed']['times_faster']['scorecam']:.1f} times",
        f"On {boxes['n']} photos of raccoons the hottest place of Grad-CAM lies in the box on {ours['pointing_accuracy']:.0%}",
        f"of a blob in the middle on {blob['pointing_accuracy']:.0%}; energy in the box {ours['energy_in_box']:.3f}",
    ):
        assert text in words, text


def test_figures_of_the_attendance_section_are_the_cards():
    card = registry.find("attendance").read_card()
    q = card["quality"]
    lfw = [f"accuracy {q['accuracy']:.4f} on {q['n']} pairs", f"false accepts {q['far']:.4f}, false rejects {q['frr']:.4f}"] if q else []
    for text in (*lfw, *(f"{row['times_faster']:.1f}" for row in card["speed"]["photos"].values()),
                 *(f"{found['exact_ms']:.1f} ms" for found in card["speed"]["search"].values())):  # fmt: skip
        assert text in WORDS, text


def test_every_picture_and_file_that_is_named_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README + (ROOT / "CONTRIBUTING.md").read_text()):
        assert "://" in target or (ROOT / target).exists(), target
    for app in registry.APPS:
        width, height = Image.open(app.picture).size
        assert width >= 640 and height >= 400 and app.picture.stat().st_size < 300_000


def test_every_weights_file_stands_in_the_readme():
    for entry in catalog.ENTRIES.values():
        assert entry.file in README and entry.remake.split(" && ")[0] in README


def test_every_example_is_credited():
    credits = (ROOT / "assets" / "examples" / "CREDITS.md").read_text()
    for app in registry.APPS:
        for path, caption in app.examples:
            assert path.exists() and caption and path.name in credits


def test_requirements_are_pinned_and_constraints_cover_them():
    constraints = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#")
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and line[0] not in "#-":
                package, version = line.split("==")
                assert constraints[package.lower()] == version, line
    assert json.dumps(sorted(constraints)) and "torch" in constraints and not any("+" in version for version in constraints.values())


def test_no_file_is_over_ten_megabytes():
    heavy = [p for p in ROOT.rglob("*") if p.is_file() and not {".git", "runs", ".venv"} & set(p.parts) and p.stat().st_size > 10 * 2**20]
    assert heavy == []


def test_the_chatbots_figures_are_its_cards():
    card = weights.card("reader")
    quality, answers = card["quality"], card["quality"]["answers"]["report"]
    for text in (
        f"{quality['n']:,} questions: recall@1 {quality['recall@1']:.3f}, recall@5 {quality['recall@5']:.3f}, MRR {quality['mrr']:.3f}",
        f"Wikipedia passages among them: recall@1 {card['among_wikipedia']['recall@1']:.3f}, recall@5 {card['among_wikipedia']['recall@5']:.3f}",
        f"Cranfield, nDCG@10: {card['cranfield']['ndcg@10']:.3f}",
        f"the quoted sentence holds the answer in {answers['sentence_hit']:.3f}",
        f"the words in bold score F1 {answers['f1']:.3f} and exact match {answers['em']:.3f}",
        f"on {card['views']:,} looks",
        f"Of {card['easy']['n']} easy questions about the example documents {card['easy']['answered']} are",
        f"AUROC {answers['auroc_answerable']:.3f}",
    ):
        assert text in WORDS, text


def test_the_table_of_exports_is_what_the_command_measured():
    from apps.spaces import check, folder

    share = json.loads((ROOT / "assets" / "share.json").read_text(encoding="utf-8"))
    rows = [check.Row(**row) for row in share["rows"]]
    assert check.table(rows) in README and share["machine"] in WORDS
    assert all(folder.find(row.slug) and row.calls > 0 and row.resident_mb < 2000 for row in rows)


def test_figures_of_the_face_swap_are_its_card_s():
    quality = registry.find("deepfake-swap").read_card()["quality"]
    ours, plain = (quality["pairs"]["methods"][name] for name in ("vitrine", "plain recipe"))
    alarms, speed, pair = quality["false_alarms"], quality["speed"], quality["training"]
    marks = quality["libraries"].values()
    trained, mesh = (pair["methods"][name] for name in ("trained pair", "vitrine"))
    for text in (
        f"| {quality['pairs']['n']} pairs of different people (LFW) | Vitrine | plain recipe |",
        f"| {ours['nearest_is_the_source']:.3f} | {plain['nearest_is_the_source']:.3f} |",
        f"| {ours['landmark_error_median']:.2f} | {plain['landmark_error_median']:.2f} |",
        *(f"| {name} | {share:.3f} |" for name, share in quality["watermark"]["marks_read"].items()),
        f"On {alarms['n']:,} unmarked photos a mark was read {alarms['read']} times, and called damaged {alarms['called_damaged']} times",
        f"10 s of 480p took {speed['film_480p_10s']['seconds']:.0f} s",
        *(" | ".join([f"| {name}", *(f"{row['marks_read'][name]:.1f}" for row in marks)]) for name in ("JPEG 75", "half the size", "10 % cropped")),
        f"took {pair['steps']:,} steps in {pair['minutes']} minutes",
        f"in {pair['n']} of those photos it looks more like the other person in {trained['nearest_is_the_source']:.2f}",
        f"landmark error {trained['landmark_error_median']:.1f} % "
        f"(the mesh on the same photos: {mesh['nearest_is_the_source']:.2f} and {mesh['landmark_error_median']:.1f} %)",
    ):
        assert text in WORDS, text


def test_figures_of_the_digits_are_their_cards():
    assert weights.card("gan-digits")["headline"] in README


def style_figures(card):
    """What the README says of the style transfer's quality and speed."""
    q, speed = card["quality"], card["speed"]
    seen, unseen, instant, patient = q["any"]["seen"], q["any"]["unseen"], q["instant"], q["patient"]
    faster = ", ".join(f"{row['times_faster']:.1f} times at {size} px" for size, row in speed["instant"].items())
    slow, painted = speed["patient"], speed["painted"]
    each = ", ".join(f"{row['times_faster']:.1f}" for row in slow["pairs"])
    shows = ", ".join(f"{row['content']:.2f}" for row in (seen, unseen, instant, patient))
    return (
        f"Distance to how the painting is painted (0 is the same; the untouched photos score {q['any']['photo_style']:.2f}): any painting\n"
        f"{seen['style']:.2f} on {seen['n']} pairs with paintings it learned from and {unseen['style']:.2f} on {unseen['n']} with paintings it never saw,\n"
        f"instant {instant['style']:.2f} on {instant['n']} pairs, patient {patient['style']:.2f} on {patient['n']} with {patient['steps']} steps at "
        f"{patient['size']} px. To what the photo shows:\n{shows} (1 is as far as an empty picture).\n"
        f"A photo of 512 px takes {painted['instant 512']['seconds']:.1f} s instantly and {painted['any 512']['seconds']:.1f} s like any painting on "
        f"{speed['threads']} cores; one of 2048 px {painted['instant 2048']['seconds']:.0f} s\nand {painted['instant 2048']['peak_mb']} MB in all, "
        f"of 4096 px {painted['instant 4096']['seconds']:.0f} s and {painted['instant 4096']['peak_mb']} MB.\n"
        f"Against the classic transformer network (1.7 M parameters) on the same threads, the instant network is faster\n{faster}.\n"
        f"The patient mode reaches the loss that the procedure of PyTorch's tutorial ends with after {slow['evaluations']} evaluations at {slow['size']} px\n"
        f"{slow['times_faster']:.1f} times as fast (median of three pairs: {each})."
    )


def test_figures_of_the_style_transfer_are_its_cards():
    assert style_figures(registry.find("style-transfer").read_card()) in README
