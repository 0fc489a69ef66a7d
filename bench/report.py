"""The report: what is printed, the pictures, and the figures in the documents."""

import sys

import documents
import pictures
from figures import Results


def show(results):
    """Prints the tables, for a terminal."""
    blocks = results.blocks()
    for name in ("machine", "commands", "table", "runs", "calls-note", "variants", "bars", "containers",
                 "mounts", "flight", "disks", "steps", "floor", "rest", "unwritten"):
        print(blocks[name], end="\n\n")


def rewrite():
    """Writes the pictures, and the figures of the documents, from the results that are in bench/results."""
    results = Results.load()
    for path, text in pictures.draw(results).items():
        path.write_text(text)
    for path in documents.all_documents():
        old = path.read_text()
        new = documents.render(old, results.figures)
        if new != old:
            path.write_text(new)


def main(arguments):
    """`--list` prints the name and the text of every figure; without it, all is written anew and the tables shown."""
    if arguments == ["--list"]:
        for name, text in Results.load().figures.items():
            print(f"{name}\t{text.strip()}")
        return
    rewrite()
    show(Results.load())


if __name__ == "__main__":
    main(sys.argv[1:])
