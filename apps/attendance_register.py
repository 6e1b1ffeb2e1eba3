"""The tab Register: who came, late or not at all; corrections; downloads."""

import streamlit as st

from core.attendance import report
from core.attendance.records import STATUSES

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ALL = "all"


def draw(register):
    left, right = st.columns(2)
    first, last = left.date_input("From", "today"), right.date_input("To", "today")
    first, last = first.isoformat(), last.isoformat()
    sessions = {s.id: s for s in register.register.sessions(first, last)}
    chosen = left.selectbox("Session", [ALL, *sessions], format_func=lambda i: i if i == ALL else f"{sessions[i].day} {sessions[i].name}")
    search = right.text_input("Search", placeholder="a name, a group, late")
    found = report.lines(register.register, first, last, None if chosen == ALL else chosen, search)
    if not found:
        st.info("Nothing to show here. A day appears as soon as somebody checks in.")
        return
    counts = report.count(found)
    with st.container(horizontal=True):
        for status in STATUSES:
            st.metric(status.capitalize(), counts.get(status, 0), width="content")
    st.dataframe(report.as_rows(found), hide_index=True, alt="The register")
    a, b = st.columns(2)
    name = f"register-{first}" + (f"-{last}" if last != first else "")
    a.download_button("Download as CSV", report.to_csv(found), f"{name}.csv", "text/csv", width="stretch", on_click="ignore")
    b.download_button("Download for Excel", report.to_excel(found), f"{name}.xlsx", EXCEL, width="stretch", on_click="ignore")
    charts(found)
    correct(register, found)


def charts(found):
    with st.expander("Per day and per person", expanded=first_to_last(found)):
        days = report.by_day(found)
        rows = [{"day": day, "status": status, "people": n} for day, counts in days.items() for status, n in counts.items()]
        if rows:
            st.bar_chart(rows, x="day", y="people", color="status", alt="People a day by status")
        st.dataframe([dict(zip(report.SUMMARY, row, strict=True)) for row in report.by_person(found)], hide_index=True)


def first_to_last(found):
    return found[0].session.day != found[-1].session.day


def correct(register, found):
    """A status by hand, with who and why, and what was corrected before."""
    with st.expander("Correct by hand"), st.form("correct", clear_on_submit=True):
        line = st.selectbox("Who and when", found, format_func=lambda one: f"{one.person.name}, {one.session.day} {one.session.name}: {one.status}")
        status = st.selectbox("Status", [*STATUSES, "by the clock"])
        who, why = st.text_input("Your name", max_chars=100), st.text_input("Reason", max_chars=500)
        if st.form_submit_button("Save the correction", type="primary"):
            register.correct(line.person.id, line.session, None if status == "by the clock" else status, who, why)
            st.rerun()
    rows = report.corrections(register.register, found)
    if rows:
        st.caption("Corrections")
        st.dataframe(rows, hide_index=True)
