"""Numbers in sentences."""


def some(number: int, word: str) -> str:
    """Return `number` and `word`, with an s where there is not exactly one."""
    return f"{number} {word}{'' if number == 1 else 's'}"
