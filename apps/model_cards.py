"""The Streamlit page of model cards: what every bundled model is, measured, and whether its file is intact."""

import streamlit as st

from core import catalog, weights
from core.errors import StudioError


def main():
    st.set_page_config(page_title="Model cards · Vitrine", layout="centered")
    st.title("Model cards")
    st.markdown("What each model learned from, its licence, and how good it measured. [All demos](/)")
    for entry in catalog.ENTRIES.values():
        draw(entry, weights.card(entry.name))


def draw(entry, card):
    st.header(card["title"])
    st.write(card["headline"])
    facts = {
        "File": f"`{entry.file}`, {entry.bytes / 2**20:.1f} MB",
        "Learned from": card["data"],
        "Licence": entry.licence,
        "Made on": f"{card['hardware']}, {card['hours']:.1f} hours, seed {card['seed']}",
        "Measure it": f"`{card['measure']}`",
        "Make it again": f"`{card['remake']}`",
        "SHA-256": f"`{entry.sha256}`",
    }
    st.markdown("\n\n".join(f"**{key}** {value}" for key, value in facts.items()))
    st.subheader("Known weaknesses")
    st.markdown("\n".join(f"- {line}" for line in card["weaknesses"]))
    if st.button("Check the file now", key=entry.name):
        try:
            weights.find(entry.name)
            st.success("The file is the one this studio was tested with.")
        except StudioError as error:
            st.error(str(error))
