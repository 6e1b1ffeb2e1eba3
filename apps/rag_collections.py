"""The chatbot's collections: choose, make, rename, merge, export and erase them, and add documents."""

import streamlit as st

from core.errors import StudioError
from core.rag import load, predict, web


def sidebar(mine):
    """-> (the chosen Collection or None, name of the chat model or None)"""
    with st.sidebar:
        found = {c.folder.name: c for c in mine.collections()}
        if st.session_state.get("go_to") in found:
            st.session_state.collection = st.session_state.pop("go_to")
        chosen = st.selectbox("Collection", list(found), format_func=lambda key: found[key].name, key="collection") if found else None
        model = st.selectbox("Answers", [None, *predict.model_names()], format_func=lambda name: name or "Quotations only", help=predict.MODEL_HELP)
        if chosen:
            manage(mine, found[chosen], [c for key, c in found.items() if key != chosen])
        with st.form("create", clear_on_submit=True, border=False):
            name = st.text_input("New collection", max_chars=60)
            if st.form_submit_button("Create"):
                attempt(lambda: st.session_state.update(go_to=mine.create(name).folder.name))
        st.caption("Only this browser sees your collections. They stay on the machine that runs this page until you erase them.")
    return found.get(chosen), model


def manage(mine, one, others):
    """What can be done with a collection and its documents."""
    documents = one.documents()
    with st.expander(f"{len(documents)} document{'s' * (len(documents) != 1)}"):
        for row in documents:
            name, bin = st.columns([5, 1], vertical_alignment="center")
            name.text(f"{row['name']} ({row['passages']:,} passages)")
            if bin.button("✕", key=f"remove-{row['sha256']}", help=f"Remove {row['name']}"):
                attempt(lambda row=row: one.remove(row["sha256"]), f"Removed {row['name']}.")
    with st.expander("Rename, merge, export, erase"):
        name = st.text_input("Name", one.name, max_chars=60, key=f"name-{one.folder.name}")
        if st.button("Rename") and name != one.name:
            attempt(lambda: mine.rename(one, name), f"Renamed to {name}.")
        if others:
            other = st.selectbox("Take in everything from", others, format_func=lambda c: c.name)
            if st.button("Merge"):
                attempt(lambda: mine.merge(one, other), "Merged.")
        if documents:
            st.download_button("Export as zip", one.export, f"{one.name}.zip", "application/zip", on_click="ignore")
        if st.checkbox("Yes, erase it for good") and st.button("Erase", type="primary"):
            attempt(one.erase, "Erased.")


def add_documents(mine, one, examples):
    """Where documents come in: files, a web address, or the examples."""
    for kind, sentence in st.session_state.pop("news", []):
        getattr(st, kind)(sentence)
    turn = st.session_state.setdefault("turn", 0)  # a new key empties the uploader
    files = st.file_uploader("Add documents", load.SUFFIXES, accept_multiple_files=True, key=f"files-{turn}", help=f"{load.KINDS}.",
                             max_upload_size=load.MAX_BYTES // 2**20)  # fmt: skip
    left, right = st.columns(2)
    address = left.text_input("or a web page", placeholder="https://", key=f"address-{turn}")
    right.html("<div style='height: 1.3rem'></div>")
    example = not (one and one.documents()) and right.button("Try it with our example documents", width="stretch")
    if files or address or example:
        st.session_state.turn += 1
        attempt(lambda: take_in(mine, one, files, address, examples if example else []))


def take_in(mine, one, files, address, examples):
    """Index with progress and a way to stop; whatever is whole when it stops, stays."""
    one = one or mine.first()
    stop = st.empty()
    stop.button("Stop")  # a click draws the page anew, which ends this work at the next report of progress
    bar = st.progress(0.0, "Reading")
    sources = [(file.getvalue(), file.name) for file in files] + [(path, path.name) for path, _ in examples]
    if address:
        sources.append(web.fetch(address))
    report = one.add(sources, lambda share, what: bar.progress(min(share, 1.0), what))
    st.session_state.go_to = one.folder.name
    tell("success" if report.added or report.replaced else "info", *report.good_news())
    tell("warning", *report.refused, *report.notes)


def tell(kind, *sentences):
    """Say it at the top of the page that is drawn next."""
    st.session_state.setdefault("news", []).extend((kind, sentence) for sentence in sentences)


def attempt(work, done=""):
    """Do what the visitor wishes; a StudioError becomes its sentence. Then the page is drawn anew."""
    try:
        work()
        if done:
            tell("success", done)
    except StudioError as error:
        tell("error", str(error))
    st.rerun()
