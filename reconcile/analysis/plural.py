"""Numbers in sentences."""

from collections.abc import Collection


def some(number: int, word: str) -> str:
    """Return `number` and `word`, with an s where there is not exactly one."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def numbered(partitions: Collection[int]) -> str:
    """Return `partition 0`, or `partitions 1, 2`."""
    numbers = ", ".join(str(partition) for partition in sorted(partitions))
    return f"partition{'' if len(partitions) == 1 else 's'} {numbers}"
