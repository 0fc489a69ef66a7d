"""From results to words: every figure that a document may show has a name here, and so has every table.

`Results.figures` is all of them; `bench/report --list` prints it.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from statistics import median
from textwrap import fill

import arithmetic
from arithmetic import Estimate
from cost_figures import Costs
from peers import BY_NAME, PEERS
from words import KIB, bytes_text, interval_text, ratio_text, table, three, time_text

RESULTS = Path(__file__).resolve().parent / "results"
FILES = ["machine", "commands", "start", "memory", "size", "calls", "containers", "mounts", "flight", "disks", "steps",
         "floor", "tried", "by-hand"]


class NoResult(Exception):
    """Why there is nothing to compare with."""


@dataclass(frozen=True)
class Bar:
    """What we promise. `estimate` takes Results."""
    name: str
    promise: str
    limit: str
    estimate: callable
    at_most: float = None
    at_least: float = None
    shown: callable = None  # how a value is written


def block(text):
    """What stands between two marks on lines of their own."""
    return f"\n\n{text}\n\n"


def wrapped(text):
    """As wide as the text of the documents."""
    return fill(text, 120, break_long_words=False, break_on_hyphens=False)


class Results:
    """What was measured, and all that follows from it."""

    def __init__(self, files):
        self.files = files

    @classmethod
    def load(cls, directory=RESULTS):
        """As they were written."""
        return cls({name: json.loads((directory / f"{name}.json").read_text()) for name in FILES})

    def why_not(self, name, peer):
        """The reason for which a peer has no result, or None."""
        result = self.files[name].get(peer, {"failed": "not measured"})
        return result.get("failed") if isinstance(result, dict) else None

    def result(self, name, peer):
        """What was measured of a peer, or NoResult."""
        if why := self.why_not(name, peer):
            raise NoResult(f"{BY_NAME[peer].title}: {why}")
        return self.files[name][peer]

    def rounds(self, name, peer, level="1"):
        """Samples in rounds, µs."""
        levels = self.result(name, peer)
        if level not in levels:
            raise NoResult(f"not measured at {level}")
        return levels[level]

    def levels(self, name):
        """The levels of a sweep, from low to high."""
        return list(self.result(name, "chroot"))

    def ratio(self, of, to, name="start"):
        """How many times as long one peer takes as another."""
        return arithmetic.ratio(self.rounds(name, of), self.rounds(name, to))

    def growth(self, name, peer, low, high):
        """How many times as long a peer takes at one level as at another."""
        return arithmetic.ratio(self.rounds(name, peer, high), self.rounds(name, peer, low))

    def memory(self, peer, key):
        """Bytes, or a number of processes: the median, the least and the most."""
        values = [sample[key] for sample in self.result("memory", peer)]
        return Estimate(median(values), min(values), max(values))

    def size(self, peer):
        """Bytes of the program with its libraries."""
        found = self.result("size", peer)
        return found["program"] + found["libraries"]

    def per_second(self, peer, level):
        """Starts per second."""
        return self.files["machine"]["batch"] * 1e6 / arithmetic.pooled_median(self.rounds("flight", peer, level))

    @cached_property
    def figures(self):
        """{name: text} of single figures and of tables."""
        return self.single() | Costs(self.files).single() | {name: block(text) for name, text in self.blocks().items()}

    def blocks(self):
        """The tables and the sentences that go with them."""
        return {"table": self.main_table(), "bars": self.bars_table(), "containers": self.containers_table(),
                "mounts": self.mounts_table(), "flight": self.flight_table(), "variants": self.variants_table(),
                "disks": self.disks_table(), "own-disk": wrapped(self.own_disk_text()),
                "machine": wrapped(self.machine_text()), "runs": wrapped(self.runs_text()),
                "commands": self.commands_text(), "calls-note": wrapped(self.calls_text()),
                **Costs(self.files).blocks()}

    def single(self):
        """What may stand in the middle of a sentence."""
        texts = {}
        for peer in BY_NAME:
            if not self.why_not("start", peer):
                texts[f"start.{peer}"] = time_text(arithmetic.pooled_median(self.rounds("start", peer)))
                for to in ("chroot", "container", "bare"):
                    texts[f"start.{peer}/{to}"] = ratio_text(self.ratio(peer, to).value)
            if not self.why_not("memory", peer):
                for key in ("rss", "pss"):
                    texts[f"memory.{peer}.{key}"] = bytes_text(self.memory(peer, key).value)
            if not self.why_not("size", peer):
                texts[f"size.{peer}"] = bytes_text(self.size(peer))
            if not self.why_not("calls", peer):
                texts[f"calls.{peer}"] = f"{median(self.files['calls'][peer]):.0f}"
        for name in ("containers", "mounts"):
            for peer in self.files[name]:
                if not self.why_not(name, peer):
                    low, *_, high = self.levels(name)
                    for level in self.levels(name):
                        text = time_text(arithmetic.pooled_median(self.rounds(name, peer, level)))
                        texts[f"{name}.{peer}.{level}"] = text
                    texts[f"{name}.{peer}"] = ratio_text(self.growth(name, peer, low, high).value)
        for peer in self.files["flight"]:
            if not self.why_not("flight", peer):
                for level in self.levels("flight"):
                    texts[f"flight.{peer}.{level}"] = f"{self.per_second(peer, level):.0f}"
        texts["disk"] = self.files["machine"]["disk"]
        texts["minutes"] = str(ceil(self.files["machine"]["seconds"] / 60))
        texts["calls.true"] = str(self.files["calls"]["command"])
        return texts

    # The tables.

    def start_cells(self, peer):
        """Time, ratio to chroot, ratio to ours."""
        if why := self.why_not("start", peer):
            return [f"cannot run: {why}", "", ""]
        to_chroot, to_ours = self.ratio(peer, "chroot"), self.ratio(peer, "container")
        is_ours = peer == "container"
        unsure = " (cannot tell)" if not is_ours and arithmetic.compare(to_ours) == "cannot tell" else ""
        return [time_text(arithmetic.pooled_median(self.rounds("start", peer))),
                f"{three(to_chroot.value)} ({interval_text(to_chroot)})" if peer != "chroot" else "1",
                f"{three(to_ours.value)}{unsure}" if not is_ours else "1"]

    def other_cells(self, peer):
        """Memory, size, calls."""
        def cell(name, text):
            why = self.why_not(name, peer)
            return f"failed: {why}" if why and not self.why_not("start", peer) else "" if why else text()

        def memory():
            rss, pss = (self.memory(peer, key).value for key in ("rss", "pss"))
            return f"{bytes_text(rss)} / {bytes_text(pss)}" if rss else "none"
        return [cell("memory", memory), cell("size", lambda: bytes_text(self.size(peer))),
                cell("calls", lambda: f"{median(self.files['calls'][peer]):.0f}")]

    def main_table(self):
        """One row for each peer."""
        head = ["", "start to finish of `true`", "to chroot", "to `container`", "memory, RSS / PSS", "on disk",
                "system calls"]
        rows = [[title(peer), *self.start_cells(peer.name), *self.other_cells(peer.name)]
                for peer in PEERS if not peer.name.startswith("container-")]
        return table(head, rows)

    def variants_table(self):
        """What the place of a container's files, and a new ID, make of a start."""
        names = ["container", "container-synced", "container-memory", "container-new"]
        return table(["", "start to finish of `true`", "to chroot", "to `container`"],
                     [[title(BY_NAME[name]), *self.start_cells(name)] for name in names])

    def bars_table(self):
        """What is promised, what was measured, and whether it holds."""
        return table(["", "bar", "measured", ""], [[bar.promise, bar.limit, *self.judge(bar)] for bar in BARS])

    def judge(self, bar):
        """What was measured, and the verdict."""
        try:
            measured = bar.estimate(self)
        except NoResult as why:
            return [str(why), "cannot tell"]
        said = bar.shown(measured.value)
        if measured.low != measured.high:
            said += f" ({interval_text(measured, bar.shown)})"
        return [said, arithmetic.verdict(measured, bar.at_most, bar.at_least)]

    def sweep_table(self, name, corner, heads, text, low, high, last):
        """A row per peer, a column per level, and what the highest level is to the lowest."""
        rows = []
        for peer in self.files[name]:
            if why := self.why_not(name, peer):
                rows.append([title(BY_NAME[peer]), f"cannot run: {why}", *[""] * len(heads)])
                continue
            rows.append([title(BY_NAME[peer]), *(text(peer, level) for level in self.levels(name)),
                         last(self.growth(name, peer, low, high))])
        return table([corner, *heads, f"{heads[-1]} to {heads[0]}"], rows)

    def time_at(self, name):
        """The median at a level."""
        return lambda peer, level: time_text(arithmetic.pooled_median(self.rounds(name, peer, level)))

    def containers_table(self):
        """The first container, and one that comes to many others."""
        levels = self.levels("containers")
        heads = [ordinal(int(level) + 1) for level in levels]
        return self.sweep_table("containers", "the container that starts is the", heads, self.time_at("containers"),
                                levels[0], levels[-1], growth_text)

    def mounts_table(self):
        """More and more mounts on the host."""
        levels = self.levels("mounts")
        return self.sweep_table("mounts", "more mounts on the host", levels, self.time_at("mounts"), levels[0],
                                levels[-1], growth_text)

    def flight_table(self):
        """Starts per second; a ratio of rates is the inverse of that of the times."""
        levels = self.levels("flight")

        def inverse(growth):
            return growth_text(Estimate(1 / growth.value, 1 / growth.high, 1 / growth.low))

        def rate(peer, level):
            return f"{self.per_second(peer, level):.0f}"
        return self.sweep_table("flight", "starts per second, so many at once", levels, rate, levels[0], levels[-1],
                                inverse)

    def disks_table(self):
        """An ordinary ext4, and what this machine has."""
        rows = []
        for peer in self.files["disks"]:
            if why := self.why_not("disks", peer):
                rows.append([title(BY_NAME[peer]), f"cannot run: {why}", "", "", ""])
                continue
            cells = []
            for disk in self.levels("disks"):
                cells += [self.time_at("disks")(peer, disk),
                          growth_text(self.on_disk(peer, disk)) if peer != "chroot" else "1"]
            rows.append([title(BY_NAME[peer]), *cells])
        return table(["", "on an ordinary ext4", "to chroot", "on this machine's own disk", "to chroot"], rows)

    def own_disk_text(self):
        """For README: where the files are, and what that makes of the figures."""
        if why := self.files["machine"]["why_own"]:
            return f"All files are on the machine's own disk, since there is no other ({why})."
        text = "All files are on an ordinary ext4, which the bench makes in a file."
        if not any(self.why_not("disks", peer) for peer in ("chroot", "bare", "container")):
            bare, container = (ratio_text(self.on_disk(peer, "own").value) for peer in ("bare", "container"))
            text += (f" On the machine's own disk, `container --bare` takes {bare} the time of chroot, and `container` "
                     f"{container}: [that page](docs/cost.md#the-disk) says why.")
        return text

    def on_disk(self, peer, disk):
        """How many times as long as chroot a peer takes on one of the two disks."""
        return arithmetic.ratio(self.rounds("disks", peer, disk), self.rounds("disks", "chroot", disk))

    def machine_text(self):
        """On what, and with which versions."""
        about = self.files["machine"]
        versions = "; ".join(f"{program}: {version}" for program, version in about["versions"].items())
        disk = (f"all files on its own disk, since there is no other ({about['why_own']}): " if about["why_own"] else
                "all files on an ext4 as mkfs.ext4 makes it, in a file; the machine's own disk: ") + about["disk"]
        return (f"Measured on {about['date']} at commit {about['commit']}: {about['cpu']}, {about['cores']} cores, "
                f"governor {about['governor']}, {about['kernel']}; {disk}; cgroups {about['cgroups']}. {versions}.")

    def commands_text(self):
        """How each row of the main table is called: a list."""
        lines = []
        for name, words in self.files["commands"].items():
            if not name.startswith("container-"):
                note = f": {BY_NAME[name].note}" if BY_NAME[name].note else ""
                lines.append(f"- `{words}`{note}")
        return "\n".join(lines)

    def runs_text(self):
        """How many runs, and how ratios are taken."""
        rounds = self.rounds("start", "chroot")
        count = len(rounds) * len(rounds[0])
        return (f"{count} runs each, in {len(rounds)} rounds; in each round all of them, in an order of its own. Times "
                "are medians of all runs. A ratio is the median of the rounds' ratios of medians; in brackets is its "
                "interval, from order statistics, that holds with 95 % confidence. “Cannot tell”: the interval has 1 "
                "or the bar inside. What hyperfine needs to start a process is in all times, chroot's too. All run in "
                "the C locale: in another one, programs that use the C library's locales, chroot among them, start "
                "more slowly, and `container` does not.")

    def calls_text(self):
        """What is counted."""
        own = self.files["calls"]["command"]
        return ("System calls are those of all processes and threads, as `strace -f -c` counts them, from the execve "
                f"of the runtime to the end of the last, without the {own} that `true` itself makes. Memory is that of "
                "all processes that the runtime keeps while the command sleeps, without the command; in brackets: the "
                "least and the most of several starts. On disk is the program with the shared libraries that ldd(1) "
                "names.")


def title(peer):
    """Ours stand out without colour too."""
    return f"**{peer.title}**" if peer.is_ours else peer.title


def growth_text(growth):
    """A ratio, its interval, and whether it differs from 1."""
    unsure = ", cannot tell" if arithmetic.compare(growth) == "cannot tell" else ""
    return f"{ratio_text(growth.value)} ({interval_text(growth)}{unsure})"


def ordinal(number):
    """`1st`, `100th`."""
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, 'th')}"


def exact(value):
    """A value without noise."""
    return Estimate(value, value, value)


def against(peer, times):
    """How many times as long as ours a peer with the same isolation takes."""
    return Bar(peer, f"{BY_NAME[peer].title}, against `container`", f"at least {times} ×",
               lambda results: results.ratio(peer, "container"), at_least=times, shown=ratio_text)


BARS = [
    Bar("bare", "`container --bare`, against chroot", "at most 1.25 ×",
        lambda results: results.ratio("bare", "chroot"), at_most=1.25, shown=ratio_text),
    Bar("container", "`container`, against chroot", "at most 1.5 ×",
        lambda results: results.ratio("container", "chroot"), at_most=1.5, shown=ratio_text),
    against("bwrap", 2), against("crun", 4), against("crun-alone", 4), against("runc", 12),
    Bar("memory", "resident memory of the waiting `container`", "at most 64 KiB",
        lambda results: results.memory("container", "rss"), at_most=64 * KIB, shown=bytes_text),
    Bar("size", "the program", "at most 96 KiB",
        lambda results: exact(results.size("container")), at_most=96 * KIB, shown=bytes_text),
    Bar("growth", "the 1000th container, against the 1st", "at most 1.25 ×",
        lambda results: results.growth("containers", "container", "0", "999"), at_most=1.25, shown=ratio_text),
]
