"""The Streamlit page of model cards: what every bundled model is, measured, and whether its file is intact."""

import streamlit as st

from apps import cards, registry
from core import catalog, weights
from core.errors import StudioError


def main():
    st.set_page_config(page_title="Model cards · Vitrine", layout="centered")
    st.title("Model cards")
    st.markdown("What each model learned from, its licence, and how good it measured." + (" [All demos](/)" if len(registry.APPS) > 1 else ""))
    for entry in catalog.ENTRIES.values():
        draw(entry, weights.card(entry.name))


def draw(entry, card):
    st.header(card["title"])
    st.write(card["headline"])
    st.markdown(f"**File** `{entry.file}`, {entry.bytes / 2**20:.1f} MB, SHA-256 `{entry.sha256}`")
    st.markdown(cards.about(card))
    if st.button("Check the file now", key=entry.name):
        try:
            weights.find(entry.name)
            st.success("The file is the one this studio was tested with.")
        except StudioError as error:
            st.error(str(error))
