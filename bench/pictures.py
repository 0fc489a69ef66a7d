"""The pictures: SVG by hand, in the style of those of the book.

Each has a background of its own, since a page may be dark, and says all without colour: ours are solid, the others are
outlined, and each bar has its number.
"""

from html import escape
from math import floor, log10
from pathlib import Path

from arithmetic import pooled_median
from figures import bytes_text, ordinal, ratio_text, time_text
from peers import BY_NAME, PEERS

IMAGES = Path(__file__).resolve().parent.parent / "docs/img"
WIDTH, LEFT, ROW = 720, 236, 30
STYLE = """<style>
text{font-family:system-ui,-apple-system,"Segoe UI",sans-serif;font-size:14px;fill:#1f2937}
.b{font-weight:600;font-size:15px}
.o{font-weight:600}
.g{fill:#52606d}
.s{font-size:12.5px}
.e{text-anchor:end}
.m{text-anchor:middle}
.grid{stroke:#cbd5e1}
.ours{fill:#1f4e79;stroke:#1f4e79}
.peer{fill:#dbe4ee;stroke:#64748b}
.line{fill:none;stroke:#64748b;stroke-width:1.6;stroke-dasharray:5 4}
.solid{fill:none;stroke:#1f4e79;stroke-width:2.4}
</style>"""


def text(x, y, words, kind=""):
    """Words at a place."""
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'


def picture(height, label, parts):
    """A whole file."""
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(label)}">', STYLE,
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="12" fill="#fbfcfd" stroke="#cbd5e1"/>',
        *parts, "</svg>"]) + "\n"


def bar(y, name, length, words):
    """A row: a name, a bar from the left edge of the plot, and what it stands for."""
    peer = BY_NAME[name]
    kind = "ours" if peer.is_ours else "peer"
    drawn = [text(LEFT - 12, y + 16, peer.label, "e o" if peer.is_ours else "e")]
    if length is not None:
        drawn.append(f'<rect class="{kind}" x="{LEFT}" y="{y + 4}" width="{max(length, 1):.1f}" height="16" rx="2"/>')
    kind = "o" if peer.is_ours else "g" if length is None else ""
    return [*drawn, text(LEFT + (length or 0) + 8, y + 16, words, kind)]


def start(results):
    """Time of a start as a multiple of chroot's. The scale is logarithmic: equal lengths are equal factors."""
    names = [peer.name for peer in PEERS if not peer.name.startswith("container-")]
    ratios = {name: results.ratio(name, "chroot").value for name in names if not results.why_not("start", name)}
    room = WIDTH - LEFT - 150
    most = max(2, *ratios.values())

    def x(ratio):
        return room * log10(max(ratio, 1)) / log10(most)
    top = 84
    bottom = top + ROW * len(names)
    parts = [text(24, 36, "From start to finish of true", "b"),
             text(24, 58, "as a multiple of chroot's time; each factor of two takes the same length", "g s")]
    for factor in (1, 2, 5, 10, 20, 50, 100, 200):
        if factor <= most:
            parts += [f'<line class="grid" x1="{LEFT + x(factor):.0f}" y1="{top}" x2="{LEFT + x(factor):.0f}" '
                      f'y2="{bottom}"/>', text(LEFT + x(factor), bottom + 18, f"{factor} ×", "g s m")]
    for number, name in enumerate(names):
        y = top + ROW * number
        if name in ratios:
            took = time_text(pooled_median(results.rounds("start", name)))
            parts += bar(y, name, x(ratios[name]), took if name == "chroot" else f"{took}, {ratio_text(ratios[name])}")
        else:
            parts += bar(y, name, None, "cannot run")
    return picture(bottom + 32, "Time of a start as a multiple of chroot's", parts)


def footprint(results):
    """Memory and size on disk, side by side, from zero: two scales."""
    names = ["bare", "container", "bwrap", "crun", "runc", "nspawn"]
    panels = [("Resident memory while the command sleeps", "memory", lambda name: results.memory(name, "rss").value),
              ("On disk, with shared libraries", "size", results.size)]
    parts, top = [], 28
    for heading, file, value in panels:
        values = {name: value(name) for name in names if not results.why_not(file, name)}
        room = (WIDTH - LEFT - 110) / max(1, *values.values())
        parts.append(text(24, top + 8, heading, "b"))
        top += 20
        for name in names:
            length = values[name] * room if name in values else None
            parts += bar(top, name, length, bytes_text(values[name]) if name in values else "cannot run")
            top += ROW
        top += 28
    return picture(top - 16, "Memory and size on disk", parts)


def growth(results):
    """Two panels of lines: more containers alive, and more mounts on the host."""
    parts = [text(24, 36, "From start to finish of true, on a busy host", "b")]
    containers = results.levels("containers")
    parts += lines(results, "containers", 24, [ordinal(int(level) + 1) for level in containers],
                   "the container that starts is the …")
    parts += lines(results, "mounts", 372, results.levels("mounts"), "more mounts on the host")
    return picture(356, "Time of a start as the host fills", parts)


def lines(results, name, left, heads, below):
    """A panel: one line per peer, named at its end, from zero on."""
    top, bottom, right = 84, 296, left + 200
    able = [peer for peer in results.files[name] if not results.why_not(name, peer)]
    medians = {peer: [pooled_median(results.rounds(name, peer, level)) for level in results.levels(name)]
               for peer in able}
    most = max(max(values) for values in medians.values())

    def y(value):
        return bottom - (bottom - top) * value / most
    parts = [text(left, bottom + 42, below, "g s")]
    for value in [0, *ticks(most)]:
        parts += [f'<line class="grid" x1="{left}" y1="{y(value):.1f}" x2="{right}" y2="{y(value):.1f}"/>',
                  text(left, y(value) - 4, time_text(value) if value else "0", "g s")]
    xs = [left + 60 + (right - left - 60) * number / (len(heads) - 1) for number in range(len(heads))]
    parts += [text(x, bottom + 20, head, "g s m") for x, head in zip(xs, heads)]
    at = spread({peer: y(values[-1]) for peer, values in medians.items()}, bottom - 8, 30)
    for peer, values in medians.items():
        points = " ".join(f"{x:.0f},{y(value):.1f}" for x, value in zip(xs, values))
        kind, mark = ("solid", "ours") if BY_NAME[peer].is_ours else ("line", "peer")
        parts.append(f'<polyline class="{kind}" points="{points}"/>')
        parts.append(f'<path class="grid" d="M{right + 5},{y(values[-1]):.1f} L{right + 14},{at[peer]:.1f}"/>')
        parts += [f'<circle class="{mark}" cx="{x:.0f}" cy="{y(value):.1f}" r="3.5"/>' for x, value in zip(xs, values)]
        parts += [text(right + 18, at[peer] - 1, BY_NAME[peer].label.split(",")[0], "s o" if mark == "ours" else "s"),
                  text(right + 18, at[peer] + 13, time_text(values[-1]), "s g")]
    return parts


def ticks(most):
    """Up to four round values below the highest."""
    step = 10 ** floor(log10(most))
    step = next(step * part for part in (0.2, 0.25, 0.5, 1, 2) if most / (step * part) < 5)
    return [step * number for number in range(1, int(most / step) + 1)]


def spread(wanted, lowest, distance):
    """Heights near the wanted ones that keep their distance, from below to above."""
    placed, last = {}, lowest + distance
    for name, height in sorted(wanted.items(), key=lambda pair: -pair[1]):
        placed[name] = last = min(height, last - distance)
    return placed


def draw(results):
    """{path: SVG}."""
    return {IMAGES / f"bench-{name}.svg": of(results)
            for name, of in (("start", start), ("footprint", footprint), ("growth", growth))}
