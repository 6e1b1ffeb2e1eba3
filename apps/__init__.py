"""The pages a visitor sees. Switches every library's telemetry off before any of them is imported."""

import os

from apps import quick_gradio

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # only the exact text "True" would switch it on
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")  # a visitor's photos are not kept in the browser's history
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.update(LANGSMITH_TRACING="false", LANGCHAIN_TRACING_V2="false")  # a visitor's documents are nobody else's
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see core.runtime.prepare_torch
quick_gradio.install()
