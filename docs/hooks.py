"""What mkdocs does with a page before it reads it."""

import re


def on_page_markdown(markdown: str, **_: object) -> str:
    """Drop the mark of examples that tests only read, ```sh norun: it is for them, and no language."""
    return re.sub(r"^(```\w+) norun$", r"\1", markdown, flags=re.MULTILINE)
