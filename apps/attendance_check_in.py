"""The tab Check in: the session, and its four ways of seeing who is there."""

import tempfile
from pathlib import Path

import streamlit as st

from apps import attendance_enrol
from core.attendance import command
from core.errors import StudioError
from core.faces import liveness, video

SOURCES = ("Webcam", "Photo", "Video", "Network camera")


def told(work, *args):
    """Run `work`; a StudioError is shown as its sentence."""
    try:
        return work(*args)
    except StudioError as error:
        st.error(str(error))


def session_of(register):
    """The session chosen at the top of the tab, as a function that opens it: it is made by the first check-in, not by looking."""
    with st.expander("Session", expanded=False):
        name = st.text_input("Name of the session", "Day", max_chars=100)
        standing = register.session_today(name)
        left, right = st.columns(2)
        key = standing.id if standing else "new"
        starts = left.time_input("Starts at", standing.starts if standing else "09:00", step=300, key=f"starts {key}").strftime("%H:%M")
        late = int(right.number_input("Late after (minutes)", 0, 600, standing.late_after if standing else 10, key=f"late {key}"))
        groups = ["", *sorted({p.group for p in register.register.people() if p.group})]
        chosen = groups.index(standing.group) if standing and standing.group in groups else 0
        group = st.selectbox("Who is expected", groups, chosen, format_func=lambda g: g or "everyone", key=f"group {key}")
    if standing:
        register.change_session(standing, starts, late, group)
    st.caption(f"Checking in to {name}, today, from {starts}, late after {late} minutes.")
    return lambda: register.open_session(name, starts, late, group)


def draw(register):
    if not register.register.people():
        st.info("Nobody is enrolled yet. Open the tab Enrol and add the first person.")
    session = session_of(register)
    source = st.segmented_control("Check in by", SOURCES, default="Webcam", required=True)
    {"Webcam": by_webcam, "Photo": by_photo, "Video": by_video, "Network camera": by_camera}[source](register, session)


def by_webcam(register, session):
    challenge = st.toggle("Ask for a turn of the head", help=f"Two pictures: straight ahead, then turned. {liveness.CAVEAT}")
    shot = st.camera_input("Look into the camera", key="shot")
    if shot is None:
        return
    if challenge:
        st.markdown("Now turn your head, so that your nose points to the **right** edge of the picture, and take the second one.")
        second = st.camera_input("Head turned", key="second shot")
        if second is None:
            return
        said = liveness.turned(shot.getvalue(), second.getvalue(), "right", register.threshold())
        (st.success if said.passed else st.error)(said.sentence)
        if not said.passed:
            return
    show(register, session, shot.file_id, shot.getvalue(), "webcam")


def by_photo(register, session):
    photos = [(f.file_id, f.getvalue()) for f in st.file_uploader("Photos of one person or of a group", accept_multiple_files=True)]
    for name, data in photos + attendance_enrol.examples("check-in example"):
        told(show, register, session, name, data, "photo")
    st.caption("Everyone in a photo is recognised in one go; small faces are looked for where there are no large ones.")


def show(register, session, name, data, how):
    """A picture with names, what was noted of each face, and the way to enrol who is unknown."""
    with st.spinner("Looking for faces"):
        seen = register.check_in(data, session(), how)
    if not seen:
        st.warning("No face was found. Come closer to the camera, and turn to the light.")
        return
    st.image(register.drawn(data, seen), width="stretch", alt="; ".join(s.label for s in seen))
    for number, one in enumerate(seen):
        (st.success if one.new else st.info if one.person else st.warning)(one.sentence)
        if one.person is None:
            attendance_enrol.unknown(register, data, one, f"{name} {number}")


def by_video(register, session):
    film = st.file_uploader("Video", type=["mp4", "mov", "mkv", "webm", "avi"])
    if film is not None and st.button("Look through it", type="primary"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"video{Path(film.name).suffix}"
            path.write_bytes(film.getvalue())
            watch(register, video.frames(path), session, "video")


def by_camera(register, session):
    address = st.text_input("Address", placeholder="http://192.168.1.20:8080/video", help="A phone with an IP camera app shows its address; RTSP works too.")
    if address and st.button("Start", type="primary"):
        video.must_be_camera(address)
        watch(register, video.frames(address, most=100_000), session, "camera")


def watch(register, frames, session, how):
    """Follow a film or a camera until its end, or until the visitor presses Stop, which ends this run of the script."""
    st.button("Stop")
    line, picture, people = st.empty(), st.empty(), {}
    for at, image, seen in register.check_in_video(frames, session(), how):
        people |= {s.person.id: s for s in command.known(seen) if s.new or s.person.id not in people}
        picture.image(register.drawn(image, seen), width="stretch")
        line.markdown(f"{at:.0f} s. " + (" ".join(s.sentence for s in people.values()) or "Nobody recognised yet."))
    st.success(f"Done. {len(people)} recognised; all of it is in the register.")
