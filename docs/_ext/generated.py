"""What the pages show of code and data: written into their Markdown, where most people read it, and held to the code.

A page says what it wants in a comment, and this module writes what follows, up to ``<!-- end -->``:

- ``<!-- generated: fact recipes -->``: a function of :mod:`facts`;
- ``<!-- generated: code dags/x.py {"start-at": "...", "end-before": "...", "dedent": 4} -->``: lines of a file. There
  are also ``end-at`` and ``function``.

``python docs/_ext/generated.py`` writes all pages anew (``make docs`` does).
"""

from __future__ import annotations

import ast
import json
import re
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"<!-- generated: (?P<kind>\w+) (?P<what>\S+)(?: (?P<rest>\{.*?\}))? -->\n.*?<!-- end -->", re.DOTALL
)


def written(text: str) -> str:
    """A page's Markdown with all that is generated in it as it should be."""
    return BLOCK.sub(_block, text)


def code(path: str, which: Mapping[str, object]) -> str:
    """Lines of a file below the project's root, as a block of Markdown."""
    source = (DOCS.parent / path).read_text()
    lines = source.splitlines()
    if name := which.get("function"):
        node = next(n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef) and n.name == name)
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        lines = lines[first - 1 : node.end_lineno]
    if (start := which.get("start-at")) is not None:
        lines = lines[next(i for i, line in enumerate(lines) if str(start) in line) :]
    if (before := which.get("end-before")) is not None:
        lines = lines[: next(i for i, line in enumerate(lines) if i and str(before) in line)]
    if (last := which.get("end-at")) is not None:
        lines = lines[: next(i for i, line in enumerate(lines) if str(last) in line) + 1]
    text = textwrap.dedent("\n".join(lines)).rstrip()
    # "py": a fragment; blocks of "python" stand by themselves, and a test runs them.
    return f"```{'py' if path.endswith('.py') else 'yaml'}\n{text}\n```"


def _block(found: re.Match[str]) -> str:
    from facts import FACTS

    begin = found.group().partition("\n")[0]
    rest = json.loads(found["rest"]) if found["rest"] else {}
    made = FACTS[found["what"]]() if found["kind"] == "fact" else code(found["what"], rest)
    return f"{begin}\n\n{made.strip()}\n\n<!-- end -->"


def main() -> None:
    """Write all pages anew."""
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text()
        if (new := written(text)) != text:
            page.write_text(new)
            print(f"wrote {page.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]
    main()
