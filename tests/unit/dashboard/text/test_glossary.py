"""The glossary says on pages what it says in the engine."""

from __future__ import annotations

import engine
from dashboard.text import glossary as terms, i18n


def test_every_term_is_told_as_the_engine_tells_it_and_in_chinese() -> None:
    told = {family: (terms.term_name(f"{family}@10"), terms.term_meaning(family)) for family in engine.GLOSSARY}
    assert told == {family: (term.name, term.meaning) for family, term in engine.GLOSSARY.items()}
    i18n.use("zh")
    try:
        assert all(terms.term_meaning(family) != told[family][1] for family in told)
    finally:
        i18n.use("en")
