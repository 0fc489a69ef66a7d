"""What is measured, and how. Times are in microseconds, memory and sizes in bytes.

Every result is a plain dictionary from the name of a peer to its samples, or to `{"failed": reason}`: a peer that
cannot run, or of which one single run fails, has no figures and keeps its row.
"""

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from pathlib import Path

from peers import Missing, cannot_start, last_line, run

SLEEP = ["sleep", "1000"]
SETTLE = 0.1  # seconds in which the kernel puts away what the last peer has left


class Bench:
    """The place, the environment of everything that is run, and how long it may take."""

    def __init__(self, place, environment, quick):
        self.place = place
        self.environment = environment
        self.rounds, self.runs = (6, 4) if quick else (30, 10)
        self.sweep_rounds, self.sweep_runs = (6, 4) if quick else (20, 10)
        self.alive = [0, 9, 99] if quick else [0, 99, 999]
        self.mounts = [0, 10, 100] if quick else [0, 10, 100, 1000]
        self.batch = 10 if quick else 50
        self.repeats = 3 if quick else 9
        # For docs/cost.md: runs told call by call, processes beside, MiB that are not written yet, rounds with those.
        self.explained, self.processes = (10, 500) if quick else (100, 2000)
        self.unwritten, self.dirtied = (64, 2) if quick else (1024, 6)

    def environment_of(self, peer):
        """With the peer's own variables."""
        paths = vars(self.place)
        return self.environment | {name: value.format(**paths) for name, value in peer.environment.items()}

    def words(self, peer, command, name):
        """What runs the command; Missing when the peer cannot."""
        return peer.words(self.place, command, name)

    def probe(self, peer):
        """Runs the peer once, before any time is taken: does it run the command, and pass its exit status on?"""
        script = 'echo ran as $$; test -e /etc/alpine-release; exit $((7 + $?))'
        words = self.words(peer, ["sh", "-c", script], "bench-probe")
        try:
            done = subprocess.run(words, env=self.environment_of(peer), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)
        except OSError as error:
            raise Missing(cannot_start(words[0], error)) from None
        except subprocess.TimeoutExpired:
            raise Missing("the probe did not end within a minute") from None
        pid = re.fullmatch(r"ran as (\d+)\s*", done.stdout)
        if not pid or done.returncode != 7:
            raise Missing(f"the probe ended with status {done.returncode}: {last_line(done.stderr)}")
        if peer.name != "chroot" and int(pid.group(1)) != 1:
            raise Missing(f"the command ran as PID {pid.group(1)}, and not as 1 of a PID namespace")


def hyperfine(words, environment, runs, prepare=""):
    """The times of so many runs, after one that does not count. Missing if any of the runs fails."""
    output = Path(environment["BENCH_DIRECTORY"], "hyperfine.json")
    output.unlink(missing_ok=True)
    time.sleep(SETTLE)
    call = ["hyperfine", "--shell=none", "--style=none", "--ignore-failure", "--warmup=1", f"--runs={runs}",
            f"--export-json={output}", *([f"--prepare={prepare}"] if prepare else []), shlex.join(words)]
    done = subprocess.run(call, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode or not output.exists():
        raise Missing(f"hyperfine: {last_line(done.stderr)}")
    result = json.loads(output.read_text())["results"][0]
    failed = [code for code in result["exit_codes"] if code != 0]
    if failed:
        raise Missing(f"{len(failed)} of {runs} runs failed, with status {failed[0]}")
    return [round(seconds * 1e6, 1) for seconds in result["times"]]


def nothing(_):
    """There is only one level."""


def sweep(bench, peers, words, levels, rounds, runs, enter=nothing, tell=print):
    """Times every peer at every level in every round: {peer: {level: [[µs, ...] of a round, ...]}}.

    `enter(level)` brings the machine to the level. The levels go up in one round and down in the next, and the order of
    the peers is new each time, so that neither comes first always.
    """
    results = {peer.name: {str(level): [] for level in levels} for peer in peers}
    order = random.Random(1)
    for number in range(rounds):
        tell(f"  round {number + 1} of {rounds}")
        for level in levels if number % 2 == 0 else reversed(levels):
            enter(level)
            for peer in order.sample(peers, len(peers)):
                if "failed" in results[peer.name]:
                    continue
                try:
                    prepare = peer.prepare.format(id="bench-1", **vars(bench.place))
                    samples = hyperfine(words[peer.name](level), bench.environment_of(peer), runs, prepare)
                    results[peer.name][str(level)].append(samples)
                except Missing as reason:
                    results[peer.name] = {"failed": str(reason)}
    return results


def true_in(bench, peers, name="bench-1"):
    """For `sweep`: each peer with `true`, at every level."""
    return {peer.name: lambda _, peer=peer: bench.words(peer, ["true"], name) for peer in peers}


def start(bench, peers, tell):
    """From start to finish of `true`, one container at a time: {peer: {"1": rounds}}."""
    return sweep(bench, peers, true_in(bench, peers), [1], bench.rounds, bench.runs, tell=tell)


def in_flight(bench, peers, tell):
    """Batches of starts, by xargs with 1, 2 and 4 at once and an ID each: the time of a batch."""
    ids = Path(bench.place.bundles, "ids")
    ids.write_text("".join(f"bench-{number}\n" for number in range(1, bench.batch + 1)))

    def words(peer):
        inner = bench.words(peer, ["true"], "{}")
        return lambda level: ["xargs", f"--arg-file={ids}", f"--max-procs={level}", "-I{}", *inner]
    return sweep(bench, peers, {peer.name: words(peer) for peer in peers}, [1, 2, 4], bench.sweep_rounds, 1,
                 tell=tell)


def among_containers(bench, peers, tell):
    """`true` while 0, 99 and 999 containers are alive, so it is in the 1st, the 100th and the 1000th."""
    words = true_in(bench, peers)
    with Population(bench) as population:
        return sweep(bench, peers, words, bench.alive, bench.sweep_rounds, bench.sweep_runs, population.be,
                     tell)


def among_mounts(bench, peers, tell):
    """`true` with 0, 10, 100 and 1000 more mounts in the mount namespace of the host."""
    words = true_in(bench, peers)
    with Mounts(bench) as mounts:
        return sweep(bench, peers, words, bench.mounts, bench.sweep_rounds, bench.sweep_runs, mounts.be, tell)


def on_disks(bench, peers, tell):
    """`true` with the image and the container's files on an ordinary ext4, and on the machine's own disk."""
    if bench.place.why_own:
        raise Missing(bench.place.why_own)
    words = true_in(bench, peers)
    with Disks(bench) as disks:
        return sweep(bench, peers, words, ["ordinary", "own"], bench.sweep_rounds, bench.sweep_runs, disks.be, tell)


class Disks:
    """The machine's own disk, mounted over what is on the ordinary one, or taken off again."""

    def __init__(self, bench):
        place = bench.place
        self.pairs = [(f"{place.own}/alpine", place.image), (f"{place.own}/default", place.state)]
        self.is_own = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.be("ordinary")

    def be(self, disk):
        """Comes to one of the two."""
        if self.is_own != (disk == "own"):
            self.is_own = not self.is_own
            for own, place in self.pairs:
                run(["mount", "-n", "--bind", own, place] if self.is_own else ["umount", "-n", place])


class Population:
    """Containers that are alive and sleep."""

    def __init__(self, bench):
        self.bench = bench
        self.alive = []
        self.ready, self.write_end = os.pipe()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.be(0)
        os.close(self.ready)
        os.close(self.write_end)

    def be(self, count):
        """Starts or ends as many as it takes, and waits until they have started or are gone."""
        begun = 0
        while len(self.alive) < count:
            # They end with this program, however it ends.
            words = ["setpriv", "--pdeathsig=KILL", self.bench.place.container, f"bench-alive-{len(self.alive) + 1}",
                     "alpine", "sh", "-c", "echo; exec " + " ".join(SLEEP)]
            self.alive.append(subprocess.Popen(words, env=self.bench.environment, stdin=subprocess.DEVNULL,
                                               stdout=self.write_end))
            begun += 1
        while begun:
            begun -= os.read(self.ready, begun).count(b"\n")
        children = children_of_all()
        excess, self.alive = self.alive[count:], self.alive[:count]
        for process in excess:
            for pid in children[process.pid] or [process.pid]:  # `container` ends when its command has.
                os.kill(pid, signal.SIGKILL)
        for process in excess:
            process.wait(60)


class Mounts:
    """Mounts that stand for those of a busy host. This program has a mount namespace of its own."""

    def __init__(self, bench):
        self.directory = Path(bench.place.bundles, "mounts")
        self.count = 0

    def __enter__(self):
        self.directory.mkdir()
        return self

    def __exit__(self, *_):
        self.be(0)
        shutil.rmtree(self.directory)

    def be(self, count):
        """Mounts or unmounts as many as it takes."""
        while self.count < count:
            self.count += 1
            (self.directory / str(self.count)).mkdir(exist_ok=True)
            run(["mount", "-n", "-t", "tmpfs", "none", str(self.directory / str(self.count))])
        while self.count > count:
            run(["umount", "-n", str(self.directory / str(self.count))])
            self.count -= 1


def children_of_all():
    """{PID: [PIDs of its children]}, of all processes."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(stat.parent.name))
    return children


def tree(pid):
    """The process and all that descend from it."""
    children, found = children_of_all(), [pid]
    for parent in found:
        found += children[parent]
    return found


def is_sleeping(pid):
    """Whether this is the command."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1] == SLEEP
    except OSError:
        return False


def rollup(pid):
    """(RSS, PSS) of a process, in bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(1024 * int(re.search(rf"^{key}:\s+(\d+) kB", text, re.MULTILINE).group(1)) for key in ("Rss", "Pss"))


def memory_once(bench, peer):
    """Of all processes that the runtime keeps while its command sleeps, without the command."""
    words = bench.words(peer, SLEEP, "bench-1")
    process = subprocess.Popen(words, env=bench.environment_of(peer), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    command = []
    try:
        deadline = time.monotonic() + 10
        while not (command := [pid for pid in tree(process.pid) if is_sleeping(pid)]):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Missing("its command did not come to sleep")
            time.sleep(0.01)
        time.sleep(0.2)  # What it still does after the start is done then.
        kept = [pid for pid in tree(process.pid) if pid not in command]
        sizes = [rollup(pid) for pid in kept]
        return {"processes": len(kept), "rss": sum(rss for rss, _ in sizes), "pss": sum(pss for _, pss in sizes)}
    finally:
        for pid in command or [process.pid]:
            os.kill(pid, signal.SIGKILL)
        process.wait(60)


def memory(bench, peers, tell):
    """{peer: [{processes, rss, pss}, ...]}."""
    return each(peers, lambda peer: [memory_once(bench, peer) for _ in range(bench.repeats)], tell)


def size(bench, peers, tell):
    """What has to be on the disk: the program, and the shared libraries that ldd(1) names.
    {peer: {program, libraries, count}}."""
    def of(peer):
        found = bench.place.container if peer.is_ours else shutil.which(peer.program)
        if not found:
            raise Missing(f"{peer.program} is not installed")
        listed = subprocess.run(["ldd", found], capture_output=True, text=True).stdout
        libraries = {os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", listed)}
        return {"program": os.path.getsize(os.path.realpath(found)),
                "libraries": sum(os.path.getsize(path) for path in libraries), "count": len(libraries)}
    return each(peers, of, tell)


def calls(bench, peers, tell):
    """System calls of a start, by `strace -f -c`: {peer: [count, ...]}.

    They are those of all processes and threads, from the runtime's own execve until the last has ended, without those
    that the command makes after its execve, which are under "command".
    """
    chroot = next(peer for peer in peers if peer.name == "chroot")
    log = Path(bench.place.bundles, "strace")

    def trace(peer, *options):
        words = ["strace", "-f", *options, "-o", str(log), *bench.words(peer, ["true"], "bench-1")]
        done = subprocess.run(words, env=bench.environment_of(peer), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120)
        if done.returncode:
            raise Missing(f"under strace: status {done.returncode}: {last_line(done.stderr)}")
        return log.read_text()

    own = calls_after_execve(trace(chroot))
    results = each(peers, lambda peer: [total(trace(peer, "-c")) - own for _ in range(bench.repeats)], tell)
    return results | {"command": own}


def calls_after_execve(log):
    """How many calls a trace of one process has after the last execve that succeeded.

    Without exit_group: it never returns, so `strace -c` does not count it.
    """
    lines = [line for line in log.splitlines() if not re.search(r"[+]{3}|---|exit_group[(]", line)]
    execve = max(number for number, line in enumerate(lines) if "execve(" in line and line.endswith("= 0"))
    return len(lines) - 1 - execve


def total(summary):
    """The number of calls in what `strace -c` writes."""
    return int(next(line for line in summary.splitlines() if line.endswith(" total")).split()[3])


def each(peers, of, tell):
    """One result per peer, or why there is none."""
    results = {}
    for peer in peers:
        tell(f"  {peer.title}")
        try:
            results[peer.name] = of(peer)
        except (Missing, OSError, subprocess.SubprocessError) as reason:
            results[peer.name] = {"failed": str(reason)}
    return results
