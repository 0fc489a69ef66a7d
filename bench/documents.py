"""The figures in README.md and docs/: `<!-- bench: NAME -->` … `<!-- /bench -->`, in a line or around a block.

Such marks are all that a document needs: what stands between them is written from the results. A number with a unit of
time, size or ratio anywhere else is an error, unless it is the limit of a bar.
"""

import re
from pathlib import Path

from figures import BARS

TOP = Path(__file__).resolve().parent.parent
MARK = re.compile(r"<!-- bench: (\S+) -->(.*?)<!-- /bench -->", re.DOTALL)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"\d[\d.,]* ?(?:(?:[µmn]?s|seconds?|milliseconds?|microseconds?|[KMG]i?B|bytes?|x|times)\b|×)")
LIMITS = {limit for bar in BARS for limit in NUMBER.findall(bar.limit)}


def all_documents():
    """Those that may show figures."""
    return [TOP / "README.md", *(page for page in sorted((TOP / "docs").glob("*.md"))
                                 if page.name == "cost.md" or "<!-- bench:" in page.read_text())]


def render(text, figures):
    """The text with the figures as they are now. What has no figure stays, for `problems` to name."""
    def written(mark):
        return f"<!-- bench: {mark[1]} -->{figures.get(mark[1], mark[2])}<!-- /bench -->"
    return MARK.sub(written, text)


def problems(name, text, figures):
    """What is wrong with a document, in sentences."""
    found = [f"{name}: no figure has the name {mark[1]}" for mark in MARK.finditer(text) if mark[1] not in figures]
    if found:
        return found
    if render(text, figures) != text:
        found.append(f"{name}: not what the results say: make bench-report")
    rest = MARK.sub("", text)
    if "<!-- bench:" in rest or "<!-- /bench" in rest:
        found.append(f"{name}: a mark without its other half")
    # A comment that begins a line begins a block of HTML, whose line is not read as Markdown.
    found += [f"{name}: {mark[1]} begins a line" for mark in MARK.finditer(text)
              if "\n" not in mark[2] and (mark.start() == 0 or text[mark.start() - 1] == "\n")]
    strays = [number for number in NUMBER.findall(CODE.sub("", rest)) if number not in LIMITS]
    return found + [f"{name}: {number} is from no result" for number in strays]
