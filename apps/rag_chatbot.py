"""The chatbot's page: add documents, ask them, see where it stands."""

import threading

import streamlit as st

from apps import cards, rag_collections, rag_sources, registry
from core.errors import StudioError
from core.rag import gaps, library, predict

APP = registry.find("rag-chatbot")
COOKIE = "vitrine_rag"
INTERRUPTED = "This was not answered: something else was asked of the page before the answer was there."


def main():
    st.set_page_config(page_title=f"{APP.title} · Vitrine", layout="centered")
    warm_up()
    mine = library.library(visitor())
    st.title(APP.title)
    st.markdown(APP.lead)
    one, model = rag_collections.sidebar(mine)
    rag_collections.add_documents(mine, one, APP.examples)
    if one and one.documents():
        talk(one, model)
    with st.expander("How good is it?"):
        st.markdown(cards.chatbot(APP.read_card()))
        if one and one.documents() and st.button("Try ten questions made from my documents"):
            try_out(one)


@st.cache_resource
def warm_up():
    """The models load while the visitor still looks for a document; a failure is told by the first answer."""
    thread = threading.Thread(target=predict.warm_up)
    thread.start()
    return thread


def visitor():
    """The key of this browser: from its cookie, or a new one, which is then set. Nobody else's page has it."""
    cookie = library.valid_key(st.context.cookies.get(COOKIE))
    if "key" not in st.session_state:
        st.session_state.key = cookie or library.new_key()
    if cookie != st.session_state.key:
        script = f"document.cookie = '{COOKIE}={st.session_state.key}; path=/; max-age=31536000; SameSite=Strict'"
        st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
    return st.session_state.key


def talk(one, model):
    """The chat about one collection: what was said, and the next question."""
    turns = st.session_state.setdefault("turns", {}).setdefault(one.folder.name, [])
    again = next((turns.pop(k)["question"] for k, turn in enumerate(turns) if turn.get("again")), None)
    for number, turn in enumerate(turns):
        draw(one, number, turn)
    if question := again or st.chat_input("Ask your documents", max_chars=1000):
        history = [(t["answer"].understood, t["answer"]) for t in turns if t.get("answer")]
        turns.append({"question": question, "error": INTERRUPTED})  # Streamlit ends this script where it is when the next question comes
        turns[-1] = reply(one, question, history, model)
        st.rerun()


def reply(one, question, history, model):
    """Ask, streaming; -> a turn of the chat: the question with its answer, or with the sentence that says why not."""
    with st.chat_message("user"):
        st.text(question)
    answers = []

    def words():
        for piece in predict.respond(one.index(), question, history, predict.chosen(model)):
            if isinstance(piece, str):
                yield rag_sources.escape(piece)
            else:
                answers.append(piece)

    with st.chat_message("assistant"):
        try:
            st.write_stream(words())
        except StudioError as error:
            return {"question": question, "error": str(error)}
    return {"question": question, "answer": answers[-1]}


def draw(one, number, turn):
    """One question with its answer, its confidence and its sources."""
    with st.chat_message("user"):
        st.text(turn["question"])
    with st.chat_message("assistant"):
        if error := turn.get("error"):
            st.warning(error)
            if st.button("Send again", key=f"again-{number}"):
                turn["again"] = True
                st.rerun()
            return
        answer = turn["answer"]
        st.markdown(rag_sources.answer_markdown(answer))
        st.caption(rag_sources.footnote(answer))
        for citation in answer.citations:
            if st.button(rag_sources.label(citation), key=f"source-{number}-{citation.number}"):
                rag_sources.show(one, citation)


def try_out(one):
    """Ten questions with a gap, asked of the whole collection, as they are answered."""
    rows, table, index = [], st.empty(), one.index()
    for trial in gaps.trials(index):
        rows.append({"question": trial.question, "expected": trial.expected, "said": trial.said, "passage found": trial.found, "answer right": trial.supported})
        table.dataframe(rows, hide_index=True)
    if rows:
        found, right = (sum(row[key] for row in rows) for key in ("passage found", "answer right"))
        st.markdown(f"The passage was among the first five for **{found} of {len(rows)}**; the answer held what was asked for in **{right} of {len(rows)}**.")
    else:
        st.info("These documents hold no sentence that a question could be made from: no names, years or numbers.")
