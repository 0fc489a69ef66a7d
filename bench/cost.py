"""What docs/cost.md tells: the time of each call, the floor below, and what was tried. Times are in microseconds."""

import json
import re
import struct
import subprocess
from pathlib import Path

import measure
from peers import Missing, Peer, last_line, run

TARGET = Path(__file__).resolve().parent.parent / "target"
MORE = 16 << 20  # bytes that are added to the program
ID = "bench-1"


def measure_all(bench, tell):
    """{name of the file: results}."""
    results = {}
    for name, of in (("steps", steps), ("floor", floor), ("tried", tried)):
        tell(name)
        try:
            results[name] = of(bench, tell)
        except (Missing, OSError, subprocess.SubprocessError) as reason:
            results[name] = {"failed": str(reason)}
            tell(f"{name}: {reason}")
    return results


# The calls, as the program itself tells them.

def steps(bench, _):
    """{"calls": [{who, step, call, path, us: [µs, ...]}, ...]} of many runs of `container --explain`; and how many
    instructions it takes until it becomes the command: {"instructions": n, "repeated": n}, from bench/count.c.

    A call that does not return, or returns in another process, has no time of its own.
    """
    words = [bench.place.container, "--explain", ID, "alpine", "true"]
    told = [narrated(narration(words, bench.environment)) for _ in range(bench.explained + 1)][1:]
    calls = [call[:4] for call in told[0]]
    if any([call[:4] for call in run_told] != calls for run_told in told):
        raise Missing("two runs of container --explain did not make the same calls")
    return {"calls": [dict(zip(("who", "step", "call", "path"), call)) |
                      {"us": [one[number][4] for one in told if one[number][4] is not None]}
                      for number, call in enumerate(calls)]} | instructions(bench)


def instructions(bench):
    """Counted one by one, where this can be done."""
    words = [str(TARGET / "count"), bench.place.container, ID, "alpine", "true"]
    done = subprocess.run(words, env=bench.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def narration(words, environment):
    """What one run tells."""
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Missing(f"container --explain: status {done.returncode}: {last_line(done.stderr)}")
    return done.stderr


def narrated(text):
    """[(who, step, call, first path or "", µs or None), ...]."""
    whole = text.replace("\n    ", " ")  # A line that is too long goes on in the next.
    found = re.findall(r"^ *\d+ (parent|child) +(\w+) +(\w+)\((.*?)(?:  ([\d.]+) us)?$", whole, re.MULTILINE)
    return [(who, step, call, (re.search(r'"([^"]*)"', rest) or ["", ""])[1], float(us) if us else None)
            for who, step, call, rest, us in found]


# The kernel's part.

def floor(bench, _):
    """{row: {level: rounds}}, from bench/floor.c."""
    places = [Path(directory, "floor") for directory in (bench.place.bundles, Path(bench.place.memory).parent)]
    for place in places:
        place.mkdir()
    words = [str(TARGET / "floor"), bench.place.image, *map(str, places), bench.place.container,
             *map(str, (bench.rounds, bench.runs, bench.processes))]
    done = subprocess.run(words, env=bench.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"floor: status {done.returncode}: {last_line(done.stderr)}")
    for place in places:
        place.rmdir()
    return json.loads(done.stdout)


# What needs no other program than the finished one.

def variant(name, program="{container}", state=None, prepare="", command=None):
    """`container`, made different."""
    return Peer(name, name, "container", lambda place, asked, of: [
        program.format(container=place.container), of, "alpine", *(command or asked)], is_ours=True, prepare=prepare,
        environment={"CONTAINER_STATE": state} if state else {})


def tried(bench, tell):
    """{variant: {"1": rounds}}: a larger program; a command that need not be looked for; somebody else's unwritten
    data; with how much of each."""
    original = Path(bench.place.container).read_bytes()
    programs = {"appended": original + bytes(MORE), "loaded": loaded(original, MORE)}
    for name, contents in programs.items():
        if contents:
            Path(bench.place.bundles, name).write_bytes(contents)
            Path(bench.place.bundles, name).chmod(0o755)
    sizes = [variant("plain"), *(variant(name, f"{bench.place.bundles}/{name}")
                                 for name, contents in programs.items() if contents)]
    sizes.append(variant("found", command=["/bin/true"]))
    data = f"{bench.place.bundles}/somebodys"
    clean = f"rm -f {data}"
    # A new file: ext4 begins at once to write one that was cut to nothing and filled again.
    unwritten = f"sh -c 'rm -f {data}; dd if=/dev/zero of={data} bs=1M count={bench.unwritten} status=none'"
    places = [variant(f"{kind}{suffix}", state=state, prepare=prepare)
              for kind, prepare in (("clean", clean), ("unwritten", unwritten))
              for suffix, state in (("", None), ("-synced", "{disk}"))]
    results = timed(bench, sizes, bench.rounds, bench.runs, tell) | timed(bench, places, bench.dirtied, 1, tell)
    run(["rm", "-f", data])
    return results | {"bytes": {"program": MORE, "unwritten": bench.unwritten << 20}}


def timed(bench, variants, rounds, runs, tell):
    """As the peers are timed."""
    return measure.sweep(bench, variants, measure.true_in(bench, variants, ID), [1], rounds, runs, tell=tell)


def loaded(program, more):
    """The program with so many bytes at its end, which the kernel maps: what was PT_GNU_STACK becomes a PT_LOAD.
    None if it has no such header, or is no 64-bit ELF file."""
    if program[:5] != b"\x7fELF\x02":
        return None
    (begin,), (size, count) = struct.unpack_from("<Q", program, 32), struct.unpack_from("<HH", program, 54)
    start = -(-len(program) // 4096) * 4096
    for at in range(begin, begin + size * count, size):
        if struct.unpack_from("<I", program, at)[0] == 0x6474E551:
            header = struct.pack("<IIQQQQQQ", 1, 4, start, 1 << 32, 1 << 32, more, more, 4096)
            return program[:at] + header + program[at + len(header):] + bytes(start - len(program) + more)
    return None
