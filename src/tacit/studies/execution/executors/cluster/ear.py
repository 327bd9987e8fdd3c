"""The one place on a cluster that workers speak to, and that is told when they are to stop."""

import asyncio
from typing import Any

Message = tuple[Any, ...]


class Ear:
    """An actor beside whoever handed the jobs out; it is gone when they are."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, Message]] = []
        self.stopping = False
        self.said = asyncio.Event()

    async def tell(self, number: int, messages: list[Message]) -> bool:
        """Take in what worker `number` says; whether it is to stop."""
        if messages:
            self.messages += [(number, message) for message in messages]
            self.said.set()
        return self.stopping

    async def hear(self, seconds: float) -> list[tuple[int, Message]]:
        """What was said since last time, as soon as something is, or after so many seconds."""
        try:
            await asyncio.wait_for(self.said.wait(), seconds)
        except TimeoutError:
            return []
        self.said.clear()
        heard, self.messages = self.messages, []
        return heard

    async def stop(self) -> None:
        """From now on, whoever speaks is told to stop."""
        self.stopping = True

    async def go_on(self) -> None:
        """Nobody is told to stop any more."""
        self.stopping = False
