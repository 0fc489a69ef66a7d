"""The words and tables of docs/cost.md, from steps.json, floor.json, tried.json and by-hand.json."""

from statistics import median

import arithmetic
from words import interval_text, number_text, ratio_text, table, time_text

# Rows of bench/floor.c: what each is, and the row that it adds something to.
FLOOR = {
    "fork": ("fork, and the child ends", None),
    "vfork": ("clone with CLONE_VM and CLONE_VFORK, and the child ends", None),
    "pid": ("and a PID namespace", "vfork"),
    "mnt": ("and a mount namespace", "vfork"),
    "both": ("both namespaces", "vfork"),
    "private": ("and its mounts made private", "both"),
    "overlay": ("and the overlay, on the disk, volatile", "private"),
    "overlay-synced": ("the overlay on the disk, synced at its end", "private"),
    "overlay-memory": ("the overlay on a tmpfs", "private"),
    "overlay-fsopen": ("the overlay by fsopen, fsconfig, fsmount and move_mount", "private"),
    "pivot": ("and pivot_root", "overlay"),
    "detach": ("and umount2 of the old root", "pivot"),
    "proc": ("and /proc", "detach"),
    "exec": ("and execve of `true`: **a container**", "proc"),
    "exec-synced": ("a container, synced at its end", None),
    "exec-memory": ("a container on a tmpfs", None),
    "exec-fork": ("a container, by a clone that copies the memory", None),
    "chroot": ("clone, chroot and execve of `true`: no container", "vfork"),
    "version": ("clone and execve of `container --version`", "vfork"),
    "bare": ("clone and execve of `container --bare` with `true`", None),
    "container": ("clone and execve of `container` with `true`", None),
}
RATIOS = [("fork", "vfork"), ("exec-fork", "exec"), ("exec", "chroot"), ("overlay-fsopen", "overlay"), ("bare", "exec"),
          ("container", "exec"), ("container", "bare"), ("exec-synced", "exec"), ("exec-memory", "exec")]
DIFFERENCES = [("overlay-fsopen", "overlay"), ("exec-synced", "exec"), ("exec", "exec-memory"), ("container", "bare"),
               ("exec-fork", "exec")]
UNTIMED = {"clone": "clone itself: see below", "exec": "execve: see below", "wait": "wait4"}


class Costs:
    """What follows from the results that docs/cost.md is made of. A result that is missing has no figure."""

    def __init__(self, files):
        self.files = {name: files.get(name, {"failed": "not measured"})
                      for name in ("steps", "floor", "tried", "by-hand")}

    def rounds(self, name, row, level="1"):
        """Samples in rounds, or None."""
        return self.files[name].get(row, {}).get(level) if "failed" not in self.files[name] else None

    def why_not(self, name, row):
        """The reason, for a row without samples."""
        whole = self.files[name]
        return whole.get("failed") or whole.get(row, {}).get("failed", "not measured")

    # Single figures.

    def single(self):
        """{name: text}."""
        return self.floor_figures() | self.pivot_figures() | self.tried_figures() | self.steps_figures() | {
            f"by-hand.{name}": number_text(found["value"])
            for name, found in self.files["by-hand"].items() if name != "failed"}

    def floor_figures(self):
        """`floor.ROW`, `floor.ROW.adds`, `floor.ROW/ROW` and `floor.ROW-less-ROW`."""
        texts = {}
        for row, (_, base) in FLOOR.items():
            if of := self.rounds("floor", row):
                texts[f"floor.{row}"] = time_text(arithmetic.pooled_median(of))
                if base and (to := self.rounds("floor", base)):
                    texts[f"floor.{row}.adds"] = signed_text(arithmetic.difference(of, to).value)
        for of, to in RATIOS:
            if self.rounds("floor", of) and self.rounds("floor", to):
                found = arithmetic.ratio(self.rounds("floor", of), self.rounds("floor", to))
                texts[f"floor.{of}/{to}"] = ratio_text(found.value)
                texts[f"floor.{of}/{to}.interval"] = interval_text(found)
        for of, to in DIFFERENCES:
            if self.rounds("floor", of) and self.rounds("floor", to):
                found = arithmetic.difference(self.rounds("floor", of), self.rounds("floor", to))
                texts[f"floor.{of}-less-{to}"] = signed_text(found.value)
        return texts

    def pivot_figures(self):
        """What pivot_root itself takes, and how much more for each process on the machine."""
        levels = self.files["floor"].get("pivot-alone", {}) if "failed" not in self.files["floor"] else {}
        if "failed" in levels or len(levels) != 2:
            return {}
        few, many = sorted(levels, key=int)
        more = arithmetic.difference(levels[many], levels[few])
        return {"pivot.few": time_text(arithmetic.pooled_median(levels[few])), "pivot.processes": many,
                "pivot.many": time_text(arithmetic.pooled_median(levels[many])),
                "pivot.each": f"{1000 * more.value / (int(many) - int(few)):.0f} ns"}

    def tried_figures(self):
        """Of a larger program, and of unwritten data."""
        texts = {}
        names = ("plain", "appended", "loaded", "found", "clean", "clean-synced", "unwritten", "unwritten-synced")
        for name in names:
            if found := self.rounds("tried", name):
                texts[f"tried.{name}"] = time_text(arithmetic.pooled_median(found))
        for name in ("appended", "loaded"):
            if self.rounds("tried", name) and self.rounds("tried", "plain"):
                found = arithmetic.ratio(self.rounds("tried", name), self.rounds("tried", "plain"))
                texts[f"tried.{name}/plain"] = f"{ratio_text(found.value)} ({interval_text(found)})"
        if self.rounds("tried", "plain") and self.rounds("tried", "found"):
            found = arithmetic.difference(self.rounds("tried", "plain"), self.rounds("tried", "found"))
            texts["tried.search"] = signed_text(found.value)
        if "bytes" in self.files["tried"]:
            texts["tried.bytes"] = f"{self.files['tried']['bytes']['unwritten'] >> 20} MiB"
            texts["tried.more"] = f"{self.files['tried']['bytes']['program'] >> 20} MiB"
        return texts

    def steps_figures(self):
        """`steps.STEP`, `steps.STEP.CALL` (the first of that name), the number of calls, and of instructions."""
        if "failed" in self.files["steps"]:
            return {}
        calls = self.files["steps"]["calls"]
        texts = {f"steps.{call['step']}.{call['call']}": time_text(median(call["us"]))
                 for call in reversed(calls) if call["us"]}
        texts |= {f"steps.{step}": time_text(took) for step, took in self.step_times().items()}
        ends = max((number for number, call in enumerate(calls) if call["call"] == "execve"), default=-1)
        texts |= {"steps.calls": str(len(calls)), "steps.calls.before": str(ends + 1),
                  "steps.runs": str(max(len(call["us"]) for call in calls))}
        if "instructions" in self.files["steps"]:
            every, again = (self.files["steps"][name] for name in ("instructions", "repeated"))
            texts |= {"instructions": number_text(every), "instructions.repeated": number_text(again),
                      "instructions.single": number_text(every - again)}
        return texts

    # Tables.

    def blocks(self):
        """{name: table}."""
        return {"steps": self.steps_table(), "floor": self.floor_table(), "rest": self.rest_table(),
                "unwritten": self.unwritten_table()}

    def step_times(self):
        """{step: the median of what its calls took in a run}, of the calls that have a time."""
        calls = self.files["steps"]["calls"]
        timed = {step: [call["us"] for call in calls if call["step"] == step and call["us"]]
                 for step in dict.fromkeys(call["step"] for call in calls)}
        return {step: median(map(sum, zip(*samples))) for step, samples in timed.items() if samples}

    def steps_table(self):
        """A row per step."""
        if why := self.files["steps"].get("failed"):
            return f"The steps were not measured: {why}."
        calls, times, rows = self.files["steps"]["calls"], self.step_times(), []
        for step in dict.fromkeys(call["step"] for call in calls):
            own = [call for call in calls if call["step"] == step]
            timed = [call for call in own if call["us"]]
            dearest = max(timed, key=lambda call: median(call["us"]), default=None)
            shown = f"`{dearest['call']}` {time_text(median(dearest['us']))}" if dearest and len(own) > 1 else ""
            note = f"without {UNTIMED[step]}" if step in UNTIMED else ""
            rows.append([step, own[0]["who"], len(own), time_text(times[step]) if step in times else "", shown, note])
        return table(["step", "who", "calls", "time", "the dearest call", ""], rows)

    def floor_table(self):
        """A row per sum."""
        rows = []
        for row, (title, base) in FLOOR.items():
            of, to = self.rounds("floor", row), base and self.rounds("floor", base)
            if not of:
                rows.append([row, title, f"failed: {self.why_not('floor', row)}", ""])
                continue
            more = arithmetic.difference(of, to) if to else None
            adds = f"{signed_text(more.value)} to {base}" if more else ""
            rows.append([row, title, time_text(arithmetic.pooled_median(of)), adds])
        return table(["", "what is done", "start to end", "adds"], rows)

    def rest_table(self):
        """From the floor to the program, part by part."""
        parts = [("the kernel's part: the row exec", "exec", None),
                 ("a program of its own that starts", "version", "vfork"),
                 ("the container's directory and lock, five execve along PATH that fail, the mark", None, None),
                 ("**`container --bare`**", "bare", None),
                 ("names, /dev, its terminals, a session, signals", "container", "bare"),
                 ("**`container`**", "container", None)]
        found = {name: self.rounds("floor", name) for name in ("exec", "version", "vfork", "bare", "container")}
        if not all(found.values()):
            return "Not all that this needs was measured."
        rows, so_far = [], 0
        for title, of, to in parts:
            if of is None:
                value = arithmetic.pooled_median(found["bare"]) - so_far
            else:
                value = arithmetic.difference(found[of], found[to]).value if to else arithmetic.pooled_median(found[of])
                so_far += value
            rows.append([title, signed_text(value) if to or of is None else time_text(value)])
        return table(["", "time"], rows)

    def unwritten_table(self):
        """The end of a container, with and without somebody's unwritten data."""
        rows = []
        places = {"in the default place: volatile": "", "with CONTAINER_STATE on the same disk": "-synced"}
        for title, suffix in places.items():
            cells = [self.rounds("tried", kind + suffix) for kind in ("clean", "unwritten")]
            rows.append([title, *(time_text(arithmetic.pooled_median(cell)) if cell else "failed" for cell in cells)])
        size = self.files["tried"].get("bytes", {}).get("unwritten", 0) >> 20
        return table(["`container` with `true`", "nothing unwritten", f"{size} MiB unwritten"], rows)


def signed_text(microseconds):
    """`+12 µs`, `−3 µs`."""
    return f"{'−' if microseconds < -0.5 else '+'}{time_text(abs(microseconds))}"
