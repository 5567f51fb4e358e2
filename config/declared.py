"""What the declaration of a setting says besides its type and default."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's meaning, and its variable where that is not the field's name.

    ``stops_entries`` tells whether a bad value refuses live entries; ``unreadable`` stands in for a bad value where
    the default would not be the safe choice.
    """

    meaning: str
    variable: str | None = None
    stops_entries: bool = True
    unreadable: bool | None = None


def operational(meaning: str, variable: str | None = None) -> Setting:
    """Return a setting that no trade depends on: a bad value is reported, and the default is used."""
    return Setting(meaning, variable=variable, stops_entries=False)
