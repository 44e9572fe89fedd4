"""The glossary explains the words that the pages use for states, and how each figure is computed."""

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from bwp_client.metrics import METRICS
from bwp_client.metrics.glossary import WORDS
from bwp_client.ui.sections.worklist_rows import STATES, label_of


def test_the_page_shows_every_word_and_every_metric(loaded: Path, open_page: Callable[..., AppTest]) -> None:
    app = open_page("glossary", loaded)
    assert not app.exception
    words, figures = (item.value for item in app.markdown)
    assert all(f"**{word}.** {meaning}" in words for word, meaning in WORDS.items())
    assert all(f"**{metric.title}.** {metric.meaning}" in figures for metric in METRICS.values())


def test_the_glossary_needs_no_data(tmp_path: Path, open_page: Callable[..., AppTest]) -> None:
    app = open_page("glossary", tmp_path / "nothing")
    assert not app.exception
    assert [item.value for item in app.title] == ["No events yet", "Glossary"]


def test_the_words_of_states_are_in_the_glossary() -> None:
    words = {word.strip().casefold() for entry in WORDS for word in entry.split(",")}
    states = {
        "new",
        "returned",
        "rising",
        "quiet",
        "ongoing",
        "open",
        *(label_of(state).casefold() for state in STATES),
    }
    assert states - words == set()


def test_an_explanation_in_brief_is_brief() -> None:
    assert [name for name, metric in METRICS.items() if len(metric.brief.split()) > 25] == []
    assert [word for word, meaning in WORDS.items() if len(meaning.split()) > 32] == []
