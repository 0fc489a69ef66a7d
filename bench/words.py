"""How a number is written, and a table."""

KIB = 1024


def three(value):
    """Three significant digits, without an exponent."""
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}"


def time_text(microseconds):
    """`640 µs`, `1.23 ms`, `1.23 s`."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= 0.9995 * size:
            return f"{three(microseconds / size)} {unit}"
    return f"{microseconds:.0f} µs"


def bytes_text(count):
    """`38 KiB`, `1.23 MiB`."""
    if count >= 1000 * KIB:
        return f"{three(count / KIB ** 2)} MiB"
    return f"{count / KIB:.0f} KiB" if count % KIB == 0 or count >= 100 * KIB else f"{count / KIB:.1f} KiB"


def number_text(count):
    """`12,345`."""
    return f"{count:,}"


def ratio_text(value):
    """`1.23 ×`."""
    return f"{three(value)} ×"


def interval_text(measured, text=three):
    """`1.20 to 1.30`, or that the rounds are too few to say."""
    if measured.low == float("-inf"):
        return "too few rounds"
    return f"{text(measured.low)} to {text(measured.high)}"


def table(head, rows):
    """Markdown, with the columns in line, whatever a failing program said."""
    rows = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row):
        cells = [cell.ljust(width) if not column else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        return "| " + " | ".join(cells) + " |"
    rule = ["-" * (width + 2) if not column else "-" * (width + 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(head), f"|{'|'.join(rule)}|", *map(line, rows)])
