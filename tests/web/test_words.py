"""The words of the pages: both languages, no gap, no word that no page uses."""

from __future__ import annotations

import re

import pytest

from delivery.core.events import KINDS
from delivery.core.model import Outcome, State
from delivery.core.routing import SENTENCES
from delivery.core.tasks import PERSON
from delivery.core.trial import FINDINGS
from delivery.web.pages import Text, catalogue
from delivery.web.reasons import value_words
from delivery.web.sayings import said, task_reason
from delivery.web.sessions import console_words
from tests.core.world import book
from tests.servers import PROJECT

WEB = PROJECT / "delivery" / "web"
NAMES = ("recipient", "console")
KEY = re.compile(r'text\(\s*"([a-z_]+\.[a-z0-9_]+)"(?! \+)')


@pytest.mark.parametrize("name", [*NAMES, "facts"])
def test_every_text_has_both_languages_with_the_same_blanks(name: str) -> None:
    for section, texts in catalogue(name).items():
        for key, (chinese, english) in texts.items():
            assert chinese, f"{section}.{key}"
            assert english or section in ("why", "said"), f"{section}.{key}"
            if english:
                blanks = [sorted(re.findall(r"\{(\w+)\}", words)) for words in (chinese, english)]
                assert blanks[0] == blanks[1], f"{section}.{key}"


@pytest.mark.parametrize("name", NAMES)
def test_every_key_that_a_template_names_exists(name: str) -> None:
    used = {key for page in (WEB / "templates" / name).glob("*.html") for key in KEY.findall(page.read_text("utf-8"))}
    known = {f"{section}.{key}" for section, texts in catalogue(name).items() for key in texts}
    assert used
    assert used - known == set()


def test_the_console_has_a_word_for_every_state_event_and_next_step() -> None:
    words = catalogue("console")
    assert {state.value for state in State} <= set(words["state"])
    assert set(KINDS) <= set(words["event"])
    assert set(PERSON) <= set(words["task"])


def test_clerks_have_words_for_all_that_the_rules_ask_and_find() -> None:
    text = Text("zh", console_words())
    assert {*FINDINGS} == {*text.catalogue["finding"]}
    assert {*book().terms} <= {*text.catalogue["term"]}
    assert {outcome.value for outcome in Outcome} == {*text.catalogue["means"]}
    for name, (values, _) in FINDINGS.items():
        for value in values:
            assert value_words(name, value, text) != value, f"{name} = {value}"


def test_chinese_clerks_read_the_reasons_of_routes_and_tasks_in_chinese() -> None:
    text = Text("zh", catalogue("console"))
    rules = book()
    for sentence in (rung.reason for rung in rules.ladder):
        assert said(sentence, rules, text) != sentence
    assert {task for rung in rules.ladder if (task := rung.task)} <= set(text.catalogue["task"])
    for sentence, chinese in SENTENCES.values():
        told = sentence.format(latest="2025-09-30 09:00", channel="fax")
        expected = chinese.format(latest="2025-09-30 09:00", channel="fax")
        assert said(told, rules, text) == expected
        rung = rules.ladder[0]
        assert said(f"{rung.reason}; {told}; {told}", rules, text) == f"{rung.reason_zh}；{expected}；{expected}"
        assert said(f"{rung.reason}; something new", rules, text) == f"{rung.reason_zh}；something new"
    rule = rules.rules[0]
    assert said(rule.says, rules, text) == rule.says_zh
    assert said(f"d1: {rule.says}", rules, text) == f"d1：{rule.says_zh}"
    over = next(row for row in rules.consequences if row.outcome)
    assert said(f"d1: {over.says}", rules, text) == f"d1：{over.says_zh}"
    assert task_reason("cure_evidence", rule.says, rules, text) == (rule.says_zh, "")
    assert task_reason("in_doubt", "whether sms took it", rules, text)[1] == "whether sms took it"
    assert task_reason("cure_evidence", "a sentence of tomorrow", rules, text) == ("a sentence of tomorrow", "")
    assert task_reason("in_doubt", "whether sms took it", rules, Text("en", text.catalogue)) == (
        "whether sms took it",
        "",
    )


def test_a_word_that_nobody_wrote_is_an_error_and_a_new_term_speaks_for_itself() -> None:
    text = Text("zh", catalogue("console"))
    with pytest.raises(KeyError):
        text("state.nonsense")
    assert text.word("state", "nonsense") == "nonsense"
