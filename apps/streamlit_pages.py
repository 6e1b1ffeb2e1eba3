"""The one Streamlit script: every Streamlit app and the model cards as pages of it."""

import importlib
import os

import streamlit as st

from apps import model_cards, registry


# No page icons: Streamlit fetches the pictures of its icon names from outside.
def script(app):
    return importlib.import_module(app.module).main


first = os.environ.get("STUDIO_PAGE", "")  # set where one app is served alone
apps = [app for app in registry.APPS if app.framework == "streamlit" and first in ("", app.slug)]
pages = [st.Page(script(app), title=app.title, url_path=app.slug, default=app.slug == first) for app in apps]
pages.insert(len(pages) if first else 0, st.Page(model_cards.main, title="Model cards", url_path="model-cards", default=not first))
st.navigation(pages, position="top" if len(pages) > 1 else "hidden").run()
