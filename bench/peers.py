"""Who is measured: each peer as a list of words that runs a command in the Alpine root.

Where peers can be set up in several ways, they have the one that is best for them: bwrap runs the command as PID 1 as
`container` does, and the OCI runtimes keep their state where they do by default, which is in memory. crun is there in
two ways: as it comes, with a cgroup, which runc needs too; and without one, since `container` makes none.
"""

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NSPAWN = "--quiet --register=no --keep-unit --volatile=overlay --resolv-conf=off --timezone=off".split()

# A step of `container`, and what stands for it in a call of bwrap and in an OCI bundle. Where nothing stands, it is
# done anyhow. A step that is not in this table stops the benchmark: it must first be decided what is comparable.
BWRAP_STEPS = {
    "private": [], "overlay": [], "pivot": [], "detach": [], "exec": [],
    "proc": ["--proc", "/proc"],
    "dev": ["--dev", "/dev"],  # with a devpts of its own, as "tty" has
    "tty": [],
    "hostname": ["--unshare-uts", "--hostname", "bench"],
    "etc": [],
    "session": ["--new-session"],
    "user": [], "setuid": [],  # the command keeps the groups of the caller
}
TMPFS = {"type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "noexec", "mode=755"]}
PTS = {"type": "devpts", "source": "devpts",
       "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]}
OCI_STEPS = {  # the mounts; both programs make a session always
    "private": [], "overlay": [], "pivot": [], "detach": [], "exec": [], "hostname": [], "etc": [],
    "session": [], "user": [], "setuid": [],
    "proc": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "dev": [{"destination": "/dev", **TMPFS}],
    "tty": [{"destination": "/dev/pts", **PTS}],
}
# The steps of runs that ask for them.
ASKED = ["volume", "tmpstate", "attach", "workdir", "readonly", "init", "limits"]
BARE = ["private", "overlay", "pivot", "detach", "proc", "exec"]

CAPABILITIES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable "
    "net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio "
    "sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config "
    "mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm "
    "block_suspend audit_read perfmon bpf checkpoint_restore "
).split()  # in the order of their numbers


class Missing(Exception):
    """Why a peer cannot run."""


@dataclass
class Place:
    """What the peers work on: paths."""
    image: str      # the Alpine root
    images: str     # the directory that holds it
    state: str      # of `container`, where it is by default
    disk: str       # of `container`, elsewhere on the same disk
    own: str        # on the machine's own disk: the Alpine root, and a place like `state`
    why_own: str    # why all the others are on that disk too, or ""
    memory: str     # of `container`, on a tmpfs
    bundles: str    # of the OCI runtimes
    container: str  # the program


@dataclass
class Peer:
    """One row of the tables. `words(place, command, id)` makes what is run."""
    name: str
    title: str
    program: str
    words: callable
    note: str = ""
    is_ours: bool = False
    environment: dict = field(default_factory=dict)
    prepare: str = ""  # run before each start, and not timed

    @property
    def label(self):
        """The title for a picture, without the options of unshare."""
        return self.title.split(" --pid")[0]


def steps(place):
    """The steps of the default run, as the program lists them."""
    shown = run([place.container, "--help"])
    found = re.search(r"^Steps: (.+?)\n\n", shown, re.MULTILINE | re.DOTALL)
    listed = [step for step in found.group(1).split() if step not in ASKED]
    unknown = set(listed) - set(BWRAP_STEPS)
    if unknown:
        raise SystemExit(f"bench/peers.py does not say what stands for these steps elsewhere: {sorted(unknown)}")
    return listed


def run(words, directory=None):
    """What a short command prints, or Missing."""
    try:
        done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=60)
    except OSError as error:
        raise Missing(cannot_start(words[0], error)) from None
    if done.returncode:
        raise Missing(f"{' '.join(words)}: status {done.returncode}: {last_line(done.stderr)}")
    return done.stdout


def cannot_start(program, error):
    """Why."""
    is_missing = isinstance(error, FileNotFoundError)
    return f"{program} is not installed" if is_missing else f"{program}: {error.strerror}"


def last_line(text):
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")


def container(*options):
    """A way to run the program itself."""
    return lambda place, command, name: [place.container, *options, name, "alpine", *command]


def chroot(place, command, _):
    """The yardstick: the same files, and no isolation."""
    return ["chroot", place.image, *command]


def unshare(place, command, _):
    """Both namespaces by util-linux, without /proc; its writes go into the image."""
    return ["unshare", "--pid", "--mount", "--fork", f"--root={place.image}", *command]


def bwrap(wanted):
    """bubblewrap with what stands for the wanted steps; None: all of the default run."""
    def words(place, command, _):
        root = ["--bind", place.image, "/"]
        if "--overlay-src" in run(["bwrap", "--help"]):
            root = ["--overlay-src", place.image, "--tmp-overlay", "/"]
        options = [option for step in wanted or steps(place) for option in BWRAP_STEPS[step]]
        return ["bwrap", "--unshare-pid", "--as-pid-1", "--die-with-parent", *root, *options, *command]
    return words


def nspawn(place, command, _):
    """systemd-nspawn, outside the service manager, with an overlay whose upper layer is in memory."""
    return ["systemd-nspawn", f"--directory={place.image}", *NSPAWN, *command]


def bundle(program, place, command, kind):
    """Writes an OCI bundle that runs the command, and returns its directory.

    `spec` is what `PROGRAM spec` writes, with three changes: no terminal, our root, our command. `same` is cut down to
    the namespaces and the mounts of `container`.
    """
    directory = Path(place.bundles, f"{program}-{kind}-{command[0]}")
    file = directory / "config.json"
    directory.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    run([program, "spec"], directory)
    config = json.loads(file.read_text())
    config["process"].update(terminal=False, args=command)
    config["root"]["path"] = place.image
    if kind == "same":
        config["hostname"] = "bench"
        config["mounts"] = [mount for step in steps(place) for mount in OCI_STEPS[step]]
        config["linux"] = {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}]}
        for limit in ("rlimits", "noNewPrivileges"):
            config["process"].pop(limit, None)
        config["process"]["capabilities"] = all_capabilities()
    file.write_text(json.dumps(config, indent=1))
    return str(directory)


def all_capabilities():
    """Those of this process, which are what the command has in `container`."""
    held = int(re.search(r"^CapBnd:\s+(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)[1], 16)
    names = [f"CAP_{name.upper()}" for number, name in enumerate(CAPABILITIES) if held >> number & 1]
    return {kind: names for kind in ("bounding", "effective", "permitted")}


def oci(program, kind, *options):
    """crun or runc."""
    return lambda place, command, name: [
        program, *options, "run", "--bundle", bundle(program, place, command, kind), name]


SAME = "the same namespaces, mounts and capabilities as `container`; "
SPEC = "the configuration that `spec` writes, without a terminal; the root is read-only"
BWRAP_ROOT = "with `--bind`, its writes go into the image: bwrap has overlays since 0.11 only"
PEERS = [
    Peer("chroot", "chroot", "chroot", chroot, "the yardstick: no isolation at all"),
    Peer("unshare", "unshare --pid --mount --fork --root", "unshare", unshare,
         "no /proc; its writes go into the image"),
    Peer("bare", "container --bare", "container", container("--bare"), is_ours=True),
    Peer("container", "container", "container", container(), is_ours=True),
    Peer("container-memory", "container, its files on a tmpfs", "container", container(), is_ours=True,
         note="its directory is in memory",
         environment={"CONTAINER_STATE": "{memory}"}),
    Peer("container-synced", "container, CONTAINER_STATE on the disk (synced)", "container", container(), is_ours=True,
         environment={"CONTAINER_STATE": "{disk}"}),
    Peer("container-new", "container, a new ID each time", "container", container(), is_ours=True,
         note="its directory is removed before each start", prepare="rm -rf {state}/{id}"),
    Peer("bwrap-bare", "bwrap, as container --bare", "bwrap", bwrap(BARE), BWRAP_ROOT),
    Peer("bwrap", "bwrap, as container", "bwrap", bwrap(None), BWRAP_ROOT),
    Peer("crun", "crun run, same namespaces", "crun", oci("crun", "same"),
         SAME + "it makes a cgroup by default"),
    Peer("crun-alone", "crun run, same namespaces, no cgroup", "crun",
         oci("crun", "same", "--cgroup-manager=disabled"), SAME + "without a cgroup"),
    Peer("crun-spec", "crun run, spec's own bundle", "crun", oci("crun", "spec"), SPEC),
    Peer("runc", "runc run, same namespaces", "runc", oci("runc", "same"),
         SAME + "it always makes a cgroup"),
    Peer("runc-spec", "runc run, spec's own bundle", "runc", oci("runc", "spec"), SPEC),
    Peer("nspawn", "systemd-nspawn", "systemd-nspawn", nspawn, "overlay in memory; not registered with systemd"),
]
BY_NAME = {peer.name: peer for peer in PEERS}

VERSIONS = {
    "chroot": ["chroot", "--version"], "unshare": ["unshare", "--version"], "bwrap": ["bwrap", "--version"],
    "crun": ["crun", "--version"], "runc": ["runc", "--version"], "systemd-nspawn": ["systemd-nspawn", "--version"],
    "hyperfine": ["hyperfine", "--version"], "strace": ["strace", "--version"],
}


def commands(place, peers):
    """How each is called, without the paths of this run: {peer: words}."""
    shown = {}
    for peer in peers:
        line = shlex.join(peer.words(place, ["true"], "ID"))
        for path, name in ((place.image, "IMAGE"), (place.bundles + "/", ""), (place.container, "container")):
            line = line.replace(path, name)
        shown[peer.name] = line
    return shown


def versions(place):
    """The first line that each program says of itself."""
    said = {}
    for program, words in [("container", [place.container, "--version"]), *VERSIONS.items()]:
        try:
            said[program] = run(words).splitlines()[0]
        except Missing as reason:
            said[program] = str(reason)
    return said
