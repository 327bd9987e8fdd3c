"""Parameters that had other names once: taken by these too, so that code of before still runs."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

Init = TypeVar("Init", bound=Callable[..., None])

FORMER = {
    "n_code": "n_components",
    "epochs": "max_epochs",
    "updates": "min_updates",
    "rate": "learning_rate",
}


def takes_former_names(init: Init) -> Init:
    """An ``__init__`` that takes the names of `FORMER` too, and warns; its signature stays."""

    @functools.wraps(init)
    def taking(self: Any, *arguments: Any, **options: Any) -> None:
        for former in FORMER.keys() & options.keys():
            name = FORMER[former]
            if name in options:
                raise TypeError(f"{former} is the former name of {name}; give one of them")
            warnings.warn(f"{former} is called {name} now", FutureWarning, stacklevel=2)
            options[name] = options.pop(former)
        init(self, *arguments, **options)

    return taking  # type: ignore[return-value]
