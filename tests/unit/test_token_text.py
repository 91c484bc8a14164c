"""What a bearer token looks like, and which texts are none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zava_cli.infra.token_text import ALPHABET, new_token, prefix_of

TOKEN = "zava_0aZ9bY8c_exampleExampleEXAMPLE0123456789exampleExamp3gzWLx"
"""A fixed one: what is out in the world must stay readable."""


def test_a_token_has_a_form_that_scanners_can_look_for() -> None:
    for token in (TOKEN, new_token()):
        assert re.fullmatch(r"zava_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", token)
        assert prefix_of(token) == token[5:13]


def test_no_two_tokens_are_alike() -> None:
    made = [new_token() for _ in range(1000)]
    assert len(set(made)) == len({prefix_of(token) for token in made}) == 1000


@pytest.mark.parametrize("place", range(5, len(TOKEN)))
def test_a_typing_error_anywhere_is_recognised(place: int) -> None:
    other = ALPHABET[(ALPHABET.find(TOKEN[place]) + 1) % len(ALPHABET)]
    assert prefix_of(f"{TOKEN[:place]}{other}{TOKEN[place + 1 :]}") is None


@pytest.mark.parametrize("text", [
    "", "zava_", TOKEN[:-1], TOKEN + "0", TOKEN + "\n", " " + TOKEN, TOKEN.upper(), TOKEN.replace("zava", "zavå"),
    TOKEN.replace("_", "-"), TOKEN[:20] + "٣" + TOKEN[21:], "zava_" + "_" * 58, TOKEN * 2,
])  # fmt: skip
def test_what_is_no_token_has_no_prefix(text: str) -> None:
    assert prefix_of(text) is None


@given(st.text())
def test_no_other_text_is_taken_for_a_token(text: str) -> None:
    assert prefix_of(text) is None
    assert prefix_of(f"zava_{text}") is None
