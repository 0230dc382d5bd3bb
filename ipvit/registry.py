"""A registry is a literal table: duplicates raise, unknown names raise with close matches."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from ipvit.errors import UnknownName


class Named(Protocol):
    """Anything with a name to be found by."""

    @property
    def name(self) -> str:
        """The key in the registry."""
        ...


Entry = TypeVar("Entry", bound=Named)


class Registry(Generic[Entry], Mapping[str, Entry]):
    """An immutable mapping from name to entry, in the order given.

    Raises ValueError at construction if two entries share a name, and UnknownName (with close
    matches) when a name is looked up that it does not hold.
    """

    def __init__(self, kind: str, entries: Iterable[Entry]) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            if entry.name in self._entries:
                raise ValueError(f"two {kind} entries are named {entry.name!r}")
            self._entries[entry.name] = entry

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownName(self.kind, name, self._entries) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries
