import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bwp_client.api.redact import MAX_MESSAGE_CHARACTERS, redact_label, redact_message

TASK_ID = "7e1b2c90-5a3d-4f6e-8b1a-0d2c4e6f8a01"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("task 7E1B2C90-5A3D-4F6E-8B1A-0D2C4E6F8A01 stopped", "task <id> stopped"),
        ("task 7e1b2c90 stopped", "task <id> stopped"),
        ("task 7e1b2c905a3d4f6e8b1a0d2c4e6f8a01 stopped", "task <id> stopped"),
        ("see 13579bdf-2468-4ace-8bdf-0123456789ab", "see <id>"),
        ("Shopper jane.doe+x@example.co.uk is unknown", "Shopper <email> is unknown"),
        ("Shopper o'brien@example.com, please", "Shopper <email>, please"),
        ('Shopper "jane doe"@example.com', "Shopper <email>"),
        ("mailto:jane@example.com", "mailto:<email>"),
        ("jane%40example.com and jane&#64;example.com", "<email> and <email>"),
        ("jane (at) example.com", "<email>"),
        ("jane＠example.com", "<email>"),
        ("ja\u200bne@exam\u00adple.com", "<email>"),
        ("jäne@exämple.com", "<email>"),
        ("order 114-3941689-8772232 open", "order <number> open"),
        ("call +1 (206) 555-0100", "call +<number>"),
        ("order １２３４５", "order <number>"),
        ("3 orders, 1234 items", "3 orders, 1234 items"),
        ("a\x00b\nc\x1b[31md", "ab c[31md"),
        ("  open orders remain ", "open orders remain"),
        ("bad token eyJhbGciOiJub25lIn0.eyJhIjoxfQ. of task 7e1b2c90", "bad token <secret> of task <id>"),
        ("token aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW is unknown", "token <secret> is unknown"),
    ],
)
def test_personal_data_and_case_numbers_become_placeholders(message, expected):
    assert redact_message(message, TASK_ID) == expected


def test_equal_reasons_become_equal_text():
    texts = {
        redact_message(f"Made-up text: task {task_id} of shopper-{n}@example.com stopped, order {10**8 + n}", task_id)
        for n, task_id in enumerate(str(uuid.UUID(int=n * 2**96 + 5, version=4)) for n in range(1, 50))
    }
    assert texts == {"Made-up text: task <id> of <email> stopped, order <number>"}


def test_a_short_task_id_is_replaced_only_as_a_whole_word():
    assert redact_message("task 7 of 70 in b7", "7") == "task <id> of 70 in b7"


def test_a_cut_never_leaves_half_an_address():
    assert "jane" not in redact_message("x" * 3_990 + " jane.doe.long@example.com", TASK_ID)


def test_a_code_stays_as_it_is():
    assert redact_label("SOME_FUTURE_CODE_12345", TASK_ID) == "SOME_FUTURE_CODE_12345"
    assert redact_label("jane@example.com\x07", TASK_ID) == "<email>"


@pytest.mark.parametrize("number", ["020-7946-0958", "020–7946–0958", "+44 20 7946 0958", "tel: 02079460958"])
def test_a_code_names_no_telephone_number(number):
    assert "7946" not in redact_label(f"CALL {number} OF 2026-05-01", TASK_ID)


@pytest.mark.parametrize("code", ["E_2026-05-01", "HTTP 404", "BWP-0012-3456", "code 0201"])
def test_a_number_in_a_code_that_is_no_telephone_number_stays(code):
    assert redact_label(code, TASK_ID) == code


def test_a_long_hostile_word_takes_no_time():
    for text in ("a" * 100_000, "a@" * 50_000, "1 " * 50_000, '"' * 50_000 + "@", "(" * 50_000 + "at)" * 9):
        assert len(redact_message(text, TASK_ID)) <= MAX_MESSAGE_CHARACTERS


words = st.one_of(
    st.text(max_size=40),
    st.emails(),
    st.uuids().map(str),
    st.uuids().map(lambda value: value.hex.upper()),
    st.integers(min_value=0).map(str),
    st.sampled_from([TASK_ID, TASK_ID.upper(), TASK_ID[:8], "jane(at)example.com", "%40", "@", '"', "<", "-", "."]),
)


@given(st.lists(words, max_size=12), st.sampled_from(["", " ", "-", ", ", "\n"]))
def test_no_personal_data_is_left(parts, glue):
    scrubbed = redact_message(glue.join(parts), TASK_ID)
    assert "@" not in scrubbed
    assert not re.search(r"\d{5,}", scrubbed)
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", scrubbed, re.IGNORECASE)
    assert TASK_ID[:8] not in scrubbed.lower()
    assert len(scrubbed) <= MAX_MESSAGE_CHARACTERS
    assert all(character.isprintable() for character in scrubbed)


@given(st.emails(), st.sampled_from(["{}", "<{}>", "shopper {} unknown", "({})", "'{}'", "email={};", "x:{}."]))
def test_an_address_is_replaced_in_any_surrounding_text(address, frame):
    scrubbed = redact_message(frame.format(address), TASK_ID)
    assert "<email>" in scrubbed
    local = address.rpartition("@")[0]
    assert len(local) < 6 or local not in scrubbed


@given(st.lists(words, max_size=12))
def test_redacting_twice_changes_nothing(parts):
    once = redact_message(" ".join(parts), TASK_ID)
    assert redact_message(once, TASK_ID) == once
