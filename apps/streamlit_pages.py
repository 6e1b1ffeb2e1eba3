"""The one Streamlit script: every Streamlit app and the model cards as pages of it."""
import importlib

import streamlit as st

from apps import model_cards, registry


def script(app):
    return importlib.import_module(app.module).main


pages = [st.Page(model_cards.main, title="Model cards", icon=":material/description:", url_path="model-cards", default=True)]
pages += [st.Page(script(app), title=app.title, url_path=app.slug) for app in registry.APPS if app.framework == "streamlit"]
st.navigation(pages, position="top" if len(pages) > 1 else "hidden").run()
