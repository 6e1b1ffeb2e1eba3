"""The tab Enrol, and enrolling an unknown face from a check-in."""

import tempfile
from pathlib import Path

import streamlit as st

from apps import registry
from core.attendance import command, service


def draw(register):
    one, many = st.tabs(["One person", "Several, from a zip"])
    with one:
        one_person(register)
    with many:
        from_zip(register)


def who(key):
    """The fields of a person -> (name, number, group, consent, keep photos)"""
    name = st.text_input("Name", max_chars=200, key=f"name {key}")
    left, right = st.columns(2)
    number = left.text_input("Id (optional)", max_chars=100, key=f"number {key}")
    group = right.text_input("Group (optional)", max_chars=100, key=f"group {key}")
    return name, number, group, *agreed(key)


def agreed(key):
    """(consent given, keep the photos)"""
    st.caption(f"Consent: {service.CONSENT}")
    consent = st.checkbox("The person has agreed to this", key=f"consent {key}")
    return consent, st.checkbox("Also keep the photos, encrypted (otherwise they are deleted now)", key=f"keep {key}")


def one_person(register):
    shots = st.session_state.setdefault("shots", [])
    shot = st.camera_input("Take two or three photos, each a little different", key="enrol shot")
    if shot is not None and shot.file_id not in [s.file_id for s in shots]:
        shots.append(shot)
    files = st.file_uploader("Or add photos", accept_multiple_files=True, key="enrol files")
    photos = [(f"photo {i + 1}", s.getvalue()) for i, s in enumerate(shots)] + [(f.name, f.getvalue()) for f in files]
    if photos:
        st.caption(f"{len(photos)} photo{'s' * (len(photos) > 1)} ready.")
    if shots and st.button("Forget the webcam photos"):
        shots.clear()
        st.rerun()
    photos += examples("enrol example")
    name, number, group, consent, keep = who("one")
    if st.button("Enrol", type="primary"):
        with st.spinner("Looking at the photos"):
            done = register.enrol(name, photos, number, group, consent, keep)
        tell(done)
        if done.person:
            shots.clear()


def examples(key):
    """The example photos a visitor has picked -> [(file name, bytes)]"""
    known = {caption: path for path, caption in registry.find("attendance").examples}
    picked = st.pills("Or take an example", list(known), key=key)
    return [(known[picked].name, known[picked].read_bytes())] if picked else []


def tell(done):
    """What an enrolment came to, photo by photo."""
    (st.success if done.person else st.error)(done.sentence if done.person else "Nobody was enrolled: no photo was good enough.")
    for photo in done.photos:
        st.markdown(f"- {photo.photo}: " + (f"refused, {photo.reason}." if photo.reason else "accepted."))


def from_zip(register):
    packed = st.file_uploader("A zip with a folder per person, named after them", type=["zip"])
    consent, keep = agreed("zip")
    if packed is None or not st.button("Enrol everyone", type="primary"):
        return
    bar, refused = st.progress(0.0, "Looking at the photos"), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.zip"
        path.write_bytes(packed.getvalue())
        count = 0
        for name, done in command.enrol_folders(register, path, consent, keep):
            count += bool(done.person)
            bar.progress(min(0.99, count / (count + 5)), f"{count} enrolled, last {name}")
            refused += [f"{name}, {p.photo}: {p.reason}" for p in done.photos if p.reason]
    bar.progress(1.0, f"{count} people enrolled.")
    if refused:
        st.warning("Refused photos:\n" + "\n".join(f"- {line}" for line in refused))


def unknown(register, picture, seen, key):
    """Enrol an unknown face of a check-in from the picture it is in."""
    with st.expander("Enrol this person"):
        crop = register.crop(picture, seen)
        st.image(crop, width=160)
        name, number, group, consent, keep = who(key)
        if st.button("Enrol", type="primary", key=f"enrol {key}"):
            tell(register.enrol(name, [("this photo", crop)], number, group, consent, keep))
