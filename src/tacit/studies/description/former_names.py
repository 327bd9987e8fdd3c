"""Study files keep working: names that a key had before are read as what it is called now."""

from typing import Any

RUN = {"code": "latent_dim"}
STUDY = {"hero": "cover"}
PAIR = {"way": "method"}
QUESTION = {"labels": "label-efficiency"}


def renamed(data: dict[str, Any]) -> None:
    """Give the keys of a study, as it was loaded, their names of today, in place."""
    _rename(data, STUDY)
    runs, questions = data.get("runs"), data.get("questions")
    for run in (data.get("defaults"), *(runs.values() if isinstance(runs, dict) else ())):
        _rename(run, RUN)
    for question in questions if isinstance(questions, list) else ():
        _rename(question, QUESTION)
        for asked in question.values() if isinstance(question, dict) else ():
            pairs = asked.get("pairs") if isinstance(asked, dict) else None
            for pair in pairs if isinstance(pairs, list) else ():
                _rename(pair, PAIR)


def _rename(table: Any, names: dict[str, str]) -> None:
    if not isinstance(table, dict):
        return
    lines = getattr(getattr(table, "lc", None), "data", None)  # where ruamel.yaml read each key
    for former, name in names.items():
        if former in table and name not in table:
            table[name] = table.pop(former)
            if lines and former in lines:
                lines[name] = lines.pop(former)
