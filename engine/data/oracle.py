"""The ceiling of a synthetic log: what the generator, which knows the true probabilities, would score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import DataError

ORACLE_FILE = "oracle.json"


def load_json(path: Path) -> Any:
    """The values of a JSON file.

    Raises:
        DataError: the file cannot be read or is not JSON; names the line.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        place = f"{path}, line {error.lineno}, column {error.colno}"
        raise DataError("{place}: this is no JSON ({msg}); mend the file.", place=place, msg=error.msg) from None
    except UnicodeDecodeError as error:
        raise DataError(
            "{path}: byte {start} is not UTF-8 text; save the file as UTF-8.", path=path, start=error.start
        ) from None
    except OSError as error:
        raise DataError(
            "{path} cannot be read ({strerror}); check its permissions.", path=path, strerror=error.strerror
        ) from None


def read_oracle(path: Path | str) -> dict[str, Any] | None:
    """The contents of the `oracle.json` beside a log; None when there is none.

    Args:
        path: the log's file or folder.

    Returns:
        `metric`, `protocol`, `head_share`, and for `all`, `head` and `tail` users `{"value": 0..1, "n": users}`.

    Raises:
        DataError: the file exists but does not have this form.
    """
    path = Path(path)
    file = (path if path.is_dir() else path.parent) / ORACLE_FILE
    if not file.is_file():
        return None
    plain = load_json(file)
    if not isinstance(plain, dict):
        raise _wrong(file, "the whole", plain, "must be an object")
    for key in ("metric", "protocol"):
        if not isinstance(plain.get(key), str) or not plain[key]:
            raise _wrong(file, key, plain.get(key), 'must be a text, such as "ndcg@10"')
    if not _is_number(plain.get("head_share")) or not 0 < plain["head_share"] < 1:
        raise _wrong(file, "head_share", plain.get("head_share"), "must be a number between 0 and 1")
    for cohort in ("all", "head", "tail"):
        figure = plain.get(cohort)
        if not isinstance(figure, dict):
            raise _wrong(file, cohort, figure, 'must be {"value": number, "n": users}')
        if not _is_number(figure.get("value")) or not 0 <= figure["value"] <= 1:
            raise _wrong(file, f"{cohort}.value", figure.get("value"), "must be a number from 0 to 1")
        if not isinstance(figure.get("n"), int) or isinstance(figure["n"], bool) or figure["n"] < 0:
            raise _wrong(file, f"{cohort}.n", figure.get("n"), "must be a whole number, 0 or more")
    return plain


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(file: Path, key: str, value: object, rule: str) -> DataError:
    return DataError(
        "{file}: {key} ({value!r}) {rule}; mend the file, or take it away to go without a ceiling.",
        file=file,
        key=key,
        value=value,
        rule=rule,
    )


def fair_ceiling(oracle: dict[str, Any]) -> dict[str, Any]:
    """The figures for `all`, `head` and `tail` users that a model can fairly be compared with.

    `history_only`, where the generator gives it: what a perfect model with unlimited data would reach from the same
    histories. Otherwise the oracle's own figures, which may use more than any history reveals.
    """
    return oracle.get("history_only") or oracle
