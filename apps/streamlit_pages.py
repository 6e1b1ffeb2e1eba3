"""The one Streamlit script: every Streamlit app and the model cards as pages of it."""

import importlib

import streamlit as st

from apps import model_cards, registry


# No page icons: Streamlit fetches the pictures of its icon names from outside.
def script(app):
    return importlib.import_module(app.module).main


pages = [st.Page(model_cards.main, title="Model cards", url_path="model-cards", default=True)]
pages += [st.Page(script(app), title=app.title, url_path=app.slug) for app in registry.APPS if app.framework == "streamlit"]
st.navigation(pages, position="top" if len(pages) > 1 else "hidden").run()
