"""All questions, by name: a new one is a folder with a module `question`."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from tacit import questions
from tacit.questions.base import Question


def _asked() -> Iterator[type[Question]]:
    for folder in iter_modules(questions.__path__):
        if not folder.ispkg or folder.name == "shared":
            continue
        module = import_module(f"{questions.__name__}.{folder.name}.question")
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, Question) and hasattr(one, "name"):
                yield one


QUESTIONS: dict[str, type[Question]] = {question.name: question for question in _asked()}
