"""The attendance system's page: the passcode, then its tabs, which are in attendance_*.py."""

import os
import threading

import streamlit as st

from apps import attendance_check_in, attendance_enrol, attendance_people, attendance_register, registry
from core.attendance import service
from core.errors import StudioError

APP = registry.find("attendance")


def main():
    st.set_page_config(page_title=f"{APP.title} · Vitrine", layout="centered")
    st.title(APP.title)
    st.markdown(APP.lead)
    try:
        register = service.attendance()
        service.may_listen(os.environ.get("STUDIO_HOST", "127.0.0.1"))
    except StudioError as error:
        st.error(str(error))
        return
    warm_up()
    if let_in(register.guard):
        names = {"Check in": attendance_check_in.draw, "Enrol": attendance_enrol.draw, "Register": attendance_register.draw,
                 "People": attendance_people.draw, "Threshold": attendance_people.threshold}  # fmt: skip
        for tab, draw in zip(st.tabs(list(names), key="tab", on_change="rerun"), names.values(), strict=True):
            if tab.open:
                with tab:
                    attendance_check_in.told(draw, register)


@st.cache_resource
def warm_up():
    """The face models load while the first visitor still reads; a failure is told by the first answer."""
    thread = threading.Thread(target=service.warm_up)  # joined at exit: a half-loaded torch aborts the process
    thread.start()
    return thread


def let_in(guard):
    """Whether this visitor may see the register; asks for the passcode, or offers to choose the first one."""
    if st.session_state.get("let in"):
        return True
    choosing = not guard.is_set
    with st.form("passcode"):
        st.markdown("Choose a passcode for this register. It will be asked for from now on." if choosing else "This register is guarded by a passcode.")
        given = st.text_input("Passcode", type="password", max_chars=100)
        go = st.form_submit_button("Set passcode" if choosing else "Open", type="primary")
    if go and attendance_check_in.told(lambda: (guard.choose if choosing else guard.enter)(given) or True):
        st.session_state["let in"] = True
        st.rerun()
    if choosing and st.button("Go on without a passcode (this machine only)"):
        st.session_state["let in"] = True
        st.rerun()
    return False
