"""The tabs People (export, change, erase) and Threshold (curves of the visitor's own gallery)."""

import json

import streamlit as st

from apps import cards, registry


def draw(register):
    gallery, people = register.gallery()
    if gone := st.session_state.pop("erased", None):
        st.success(f"{gone} was erased: name, vectors, photos, records and corrections.")
    if not people:
        st.info("Nobody is enrolled.")
        return
    rows = [{"name": p.name, "id": p.number or "", "group": p.group, "photos": gallery.keys.count(p.id), "agreed": p.consent_at[:10]} for p in people.values()]
    st.dataframe(rows, hide_index=True, alt="Everyone enrolled")
    chosen = people[st.selectbox("Person", list(people), format_func=lambda i: people[i].name)]
    st.caption(f"Agreed on {chosen.consent_at[:10]}: {chosen.consent}")
    everything = register.export_person(chosen.id)
    for photo in register.photos(chosen.id):
        st.image(photo, width=160)
    a, b = st.columns(2)
    a.download_button("Export everything", json.dumps(everything, indent=1), f"{chosen.name}.json", "application/json", width="stretch", on_click="ignore")
    if b.button(f"Erase {chosen.name}", width="stretch", help="At once and for good: name, vectors, photos, records and corrections."):
        st.session_state["erased"] = register.erase(chosen.id)
        st.rerun()
    change(register, chosen)


def change(register, person):
    with st.expander("Change name, id or group"), st.form(f"change {person.id}"):
        name = st.text_input("Name", person.name, max_chars=200)
        number, group = st.text_input("Id", person.number or "", max_chars=100), st.text_input("Group", person.group, max_chars=100)
        if st.form_submit_button("Save", type="primary"):
            register.change(person, name, number, group)
            st.rerun()


def threshold(register):
    """False accepts and false rejects at every threshold, on the people enrolled here."""
    curves = register.curves()
    st.markdown(
        f"Two photos are taken for one person when their distance is below **{register.threshold():.2f}**. A smaller number mistakes "
        "strangers for someone less often (false accepts), and misses enrolled people more often (false rejects)."
    )
    if curves.strangers and curves.photos:
        rows = [{"threshold": t, "share": v, "error": name} for name, values in (("false accepts", curves.far), ("false rejects", curves.frr))
                for t, v in zip(curves.thresholds, values, strict=True)]  # fmt: skip
        st.line_chart(rows, x="threshold", y="share", color="error", alt="Errors at every threshold")
    st.markdown(advice(curves))
    value = st.slider("Threshold", 0.3, 0.8, register.threshold(), 0.01)
    if st.button("Use this threshold", type="primary"):
        register.choose_threshold(value)
        st.rerun()
    with st.expander("How good is it?"):
        st.markdown(cards.about(registry.find("attendance").read_card()))


def advice(c):
    if not c.own:
        return (
            f"This gallery is too small to choose from: {c.photos} photos have a second one of the same person, and {c.strangers} pairs of photos "
            f"show two people. Until it grows, {c.threshold:.2f} is used, measured on public photos. Enrol everyone with two photos or more."
        )
    (a, b), (x, y) = c.far_interval, c.frr_interval
    return (
        f"On your own gallery we suggest **{c.threshold:.2f}**: of {c.strangers} pairs of two people, false accepts lie between {a:.2%} and {b:.2%}; "
        f"of {c.photos} photos, false rejects between {x:.1%} and {y:.1%} (95 % intervals). Small galleries give wide ones."
    )
