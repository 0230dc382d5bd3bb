"""A bound on the pictures being drawn, encoded or sent, all clients together.

An answer may hold a hundred pictures of a megabyte each. Requests wait for room, so that memory
does not grow with the number of callers.
"""

import asyncio


class PictureBudget:
    """Counts pictures; one request is always let in, whatever it asks for."""

    def __init__(self, max_pictures: int) -> None:
        self.max_pictures = max_pictures
        self.held = 0
        self._changed = asyncio.Condition()

    async def take(self, pictures: int) -> None:
        """Wait until there is room for `pictures`, and hold it."""
        if not pictures:
            return
        async with self._changed:
            await self._changed.wait_for(
                lambda: not self.held or self.held + pictures <= self.max_pictures
            )
            self.held += pictures

    async def give_back(self, pictures: int) -> None:
        """Let others have the room of `pictures`."""
        if not pictures:
            return
        async with self._changed:
            self.held -= pictures
            self._changed.notify_all()
