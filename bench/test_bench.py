"""Tests of the arithmetic, the words and the documents. They need no peer: `make test-bench`."""

import random
import re
import struct
import unittest
from pathlib import Path

import cost
import cost_figures
import documents
import figures
import measure
import peers
import pictures
from arithmetic import (Estimate, compare, coverage, difference, estimate, interval, per_round, pooled_median,
                        ratio, verdict)
from figures import NoResult, Results

TOP = Path(__file__).resolve().parent.parent


class Arithmetic(unittest.TestCase):
    def test_medians_of_rounds_and_of_all(self):
        self.assertEqual(per_round([[1, 2, 9], [4, 6]]), [2, 5])
        self.assertEqual(pooled_median([[1, 2, 9], [4, 6]]), 4)

    def test_a_ratio_is_taken_inside_the_rounds(self):
        # The machine is ten times as slow in the second round, which is nobody's fault.
        self.assertEqual(ratio([[2], [20], [2]], [[1], [10], [1]]).value, 2)
        with self.assertRaises(ValueError):
            ratio([[1]], [[1], [1]])

    def test_a_difference_is_taken_inside_the_rounds_too(self):
        found = difference([[5, 7], [105], [6]] * 3, [[1], [101], [1, 3]] * 3)
        self.assertEqual((found.value, found.low, found.high), (4, 4, 5))
        with self.assertRaises(ValueError):
            difference([[1]], [])

    def test_the_interval_is_that_of_the_tables(self):
        # Ranks for 95 %: none of 5; 1 and 6 of 6; 2 and 9 of 10; 6 and 15 of 20.
        self.assertEqual(interval(range(5)), (float("-inf"), float("inf")))
        self.assertEqual(interval([6, 5, 4, 3, 2, 1]), (1, 6))
        self.assertEqual(interval(range(1, 11)), (2, 9))
        self.assertEqual(interval(range(1, 21)), (6, 15))
        self.assertAlmostEqual(coverage(6, 1), 1 - 2 / 64)
        self.assertAlmostEqual(coverage(20, 6), 0.9586, places=4)

    def test_the_interval_holds_the_true_median_as_often_as_it_says(self):
        source = random.Random(7)
        held = 0
        for _ in range(2000):
            found = estimate([source.expovariate(1) for _ in range(20)])
            held += found.low <= 0.6931 <= found.high
        self.assertGreater(held / 2000, 0.94)

    def test_noise_wider_than_the_distance_to_the_bar_gives_no_verdict(self):
        self.assertEqual(verdict(Estimate(1.2, 1.1, 1.25), at_most=1.25), "met")
        self.assertEqual(verdict(Estimate(1.2, 1.1, 1.26), at_most=1.25), "cannot tell")
        self.assertEqual(verdict(Estimate(1.4, 1.26, 1.5), at_most=1.25), "not met")
        self.assertEqual(verdict(Estimate(2.5, 2.0, 3), at_least=2), "met")
        self.assertEqual(verdict(Estimate(2.5, 1.9, 3), at_least=2), "cannot tell")
        self.assertEqual(verdict(Estimate(1.5, 1.2, 1.9), at_least=2), "not met")
        self.assertEqual(verdict(estimate([1, 1, 1]), at_most=2), "cannot tell")
        with self.assertRaises(ValueError):
            verdict(Estimate(1, 1, 1))

    def test_equal_things_are_not_called_faster(self):
        self.assertEqual(compare(Estimate(0.9, 0.8, 1.1)), "cannot tell")
        self.assertEqual(compare(Estimate(0.9, 0.8, 0.99)), "faster")
        self.assertEqual(compare(Estimate(1.2, 1.01, 1.3)), "slower")


class Words(unittest.TestCase):
    def test_figures_have_three_digits_and_a_unit(self):
        for value, text in ((999.4, "999 µs"), (999.6, "1.00 ms"), (1234, "1.23 ms"), (34_560, "34.6 ms"),
                            (99_960, "100 ms"), (1_234_000, "1.23 s")):
            self.assertEqual(figures.time_text(value), text)
        for value, text in ((38_936, "38.0 KiB"), (65_536, "64 KiB"), (204_900, "200 KiB"), (3_145_728, "3.00 MiB")):
            self.assertEqual(figures.bytes_text(value), text)
        self.assertEqual([figures.ordinal(n) for n in (1, 2, 11, 100, 1000)], ["1st", "2nd", "11th", "100th", "1000th"])

    def test_a_table_is_markdown(self):
        self.assertEqual(figures.table(["", "b"], [["a", 1]]), "|   | b |\n|---|--:|\n| a | 1 |")
        self.assertIn("| a\\|b c |", figures.table(["x"], [["a|b\nc"]]))


class Traces(unittest.TestCase):
    def test_calls_are_counted_from_the_last_execve_that_succeeds(self):
        log = ('7 execve("/sbin/chroot", …) = 0\n7 chroot("x") = 0\n7 execve("/x/true", …) = -1 ENOENT (No …)\n'
               '7 execve("/bin/true", …) = 0\n7 brk(NULL) = 0\n7 exit_group(0) = ?\n7 +++ exited with 0 +++\n')
        self.assertEqual(measure.calls_after_execve(log), 1, "strace -c does not count exit_group")

    def test_the_total_is_read_with_and_without_errors(self):
        self.assertEqual(measure.total("x\n100.00    0.006381          87        73         7 total\n"), 73)
        self.assertEqual(measure.total("x\n100.00    0.006381          87        73           total\n"), 73)


class Peers(unittest.TestCase):
    def test_every_step_of_the_program_has_its_counterpart(self):
        files = {file.stem: file.read_text() for file in (TOP / "src/steps").glob("*.rs")}
        named = [re.search(r'^pub static STEP: Step = Step \{\n +name: "(\w+)",$', text, re.MULTILINE)
                 for text in files.values()]
        steps = [match[1] for match in named if match]
        self.assertGreater(len(steps), 15)
        self.assertIn("overlay", steps)
        self.assertEqual(set(steps), {*peers.BWRAP_STEPS, *peers.ASKED})
        self.assertEqual(set(steps), {*peers.OCI_STEPS, *peers.ASKED})

    def test_a_program_that_is_not_there_is_a_reason(self):
        with self.assertRaisesRegex(peers.Missing, "no-such-program is not installed"):
            peers.run(["no-such-program"])
        with self.assertRaisesRegex(peers.Missing, "status 3: because"):
            peers.run(["sh", "-c", "echo because >&2; exit 3"])


def rounds_of(value, count=20):
    """Rounds without noise."""
    return [[value] * 3 for _ in range(count)]


def made_up():
    """Results of which one peer failed, one was not there, and one is noisy."""
    times = {"chroot": 1000, "bare": 1200, "container": 1400, "bwrap": 4200, "unshare": 1300}
    start = {name: {"1": rounds_of(value)} for name, value in times.items()}
    start["crun"] = {"failed": "crun is not installed"}
    start["runc"] = {"failed": "2 of 15 runs failed, with status 1"}
    start["nspawn"] = {"1": [[900 + 100 * number] for number in range(20)]}
    levels = {"0": rounds_of(1000), "99": rounds_of(1100), "999": rounds_of(1200)}
    return Results({
        "start": start, "containers": {"chroot": levels, "container": levels},
        "mounts": {"chroot": {"0": rounds_of(1), "1000": rounds_of(2)}, "bwrap": {"failed": "no"}},
        "flight": {"chroot": {"1": rounds_of(2e6), "4": rounds_of(1e6)}},
        "memory": {"chroot": [{"processes": 0, "rss": 0, "pss": 0}],
                   "container": [{"processes": 1, "rss": 49152, "pss": 49152}]},
        "size": {"container": {"program": 38936, "libraries": 0, "count": 0}},
        "calls": {"container": [55, 55, 57], "command": 9},
        "commands": {"container": "container ID alpine true"},
        "machine": {"batch": 100, "seconds": 300, "date": "2026-01-01", "commit": "0", "cpu": "one", "cores": 2,
                    "governor": "none", "kernel": "Linux", "disk": "xfs", "why_own": "", "cgroups": "v2",
                    "versions": {}},
        "disks": {"chroot": {"ordinary": rounds_of(1000), "own": rounds_of(1000)},
                  "bare": {"ordinary": rounds_of(1200), "own": rounds_of(1500)}, "container": {"failed": "no"}},
    })


def made_up_costs():
    """Costs of which one row failed."""
    rows = {"fork": 200, "vfork": 40, "both": 100, "private": 110, "overlay": 400, "exec": 900, "version": 140,
            "bare": 1300, "container": 1500}
    floor = {row: {"1": rounds_of(value)} for row, value in rows.items()}
    floor["proc"] = {"failed": "mount proc: Operation not permitted"}
    floor["pivot-alone"] = {"0": rounds_of(20), "2000": rounds_of(1020)}
    calls = [{"who": "parent", "step": "state", "call": "statx", "path": "/a", "us": [5, 1, 1]},
             {"who": "parent", "step": "state", "call": "statx", "path": "/b", "us": [1, 5, 2]},
             {"who": "child", "step": "exec", "call": "execve", "path": "/true", "us": []},
             {"who": "parent", "step": "wait", "call": "exit_group", "path": "", "us": []}]
    return cost_figures.Costs({
        "floor": floor, "steps": {"calls": calls, "instructions": 12345, "repeated": 345},
        "tried": {"plain": {"1": rounds_of(1000)}, "appended": {"1": rounds_of(1010)}, "loaded": {"failed": "no"},
                  "bytes": {"unwritten": 1 << 30, "program": 16 << 20}},
    })


class Cost(unittest.TestCase):
    def test_a_narration_is_read_call_by_call(self):
        told = ("image: why.\n  1 parent image   statx(AT_FDCWD, \"images/a\", 0,\n    {...}) = 0  6.5 us\n"
                " 49 child  exec    execve(\"/sbin/true\", [\"true\"])\n    execve = -1 ENOENT (No such file)\n"
                " 50 parent clone   munmap(0x7f, 1) = 0  0.2 us\n")
        self.assertEqual(cost.narrated(told), [("parent", "image", "statx", "images/a", 6.5),
                                               ("child", "exec", "execve", "/sbin/true", None),
                                               ("parent", "clone", "munmap", "", 0.2)])

    def test_a_header_of_the_program_makes_the_kernel_map_more(self):
        header = struct.pack("<4sB27xQ14xHH", b"\x7fELF", 2, 64, 56, 2).ljust(64, b"\0")
        stack = struct.pack("<I52x", 0x6474E551)
        larger = cost.loaded(header + struct.pack("<I52x", 1) + stack, 8192)
        self.assertEqual(len(larger), 4096 + 8192)
        self.assertEqual(struct.unpack_from("<IIQ", larger, 64 + 56), (1, 4, 4096))
        self.assertIsNone(cost.loaded(header + struct.pack("<I52x", 1) * 2, 8192))
        self.assertIsNone(cost.loaded(b"#!/bin/sh", 8192))

    def test_what_a_row_adds_is_told_and_what_failed_too(self):
        shown = made_up_costs().floor_table()
        self.assertRegex(shown, r"\| overlay +\|.*\| +400 µs \| +\+290 µs to private \|")
        self.assertIn("failed: mount proc: Operation not permitted", shown)
        self.assertIn("failed: not measured", shown)
        self.assertEqual(made_up_costs().single()["floor.fork/vfork"], "5.00 ×")
        self.assertEqual(cost_figures.signed_text(-3), "−3 µs")

    def test_the_parts_of_the_program_add_up(self):
        shown = [line.split("|")[2].strip() for line in made_up_costs().rest_table().splitlines()[2:]]
        self.assertEqual(shown, ["900 µs", "+100 µs", "+300 µs", "1.30 ms", "+200 µs", "1.50 ms"])

    def test_what_each_process_adds_to_pivot_root(self):
        self.assertEqual(made_up_costs().single()["pivot.each"], "500 ns")

    def test_the_time_of_a_step_is_the_median_of_its_sums(self):
        found = made_up_costs()
        self.assertEqual(found.step_times(), {"state": 6})
        self.assertIn("execve: see below", found.steps_table())
        self.assertEqual((found.single()["steps.calls"], found.single()["steps.calls.before"]), ("4", "3"))
        self.assertEqual(found.single()["instructions.single"], "12,000")

    def test_what_was_not_measured_has_no_figure_and_a_reason(self):
        nothing = cost_figures.Costs({})
        self.assertEqual(nothing.single(), {})
        self.assertIn("not measured", nothing.steps_table() + nothing.floor_table())
        self.assertIn("failed", made_up_costs().unwritten_table())


class Report(unittest.TestCase):
    def test_every_peer_has_a_row_and_those_that_cannot_run_a_reason(self):
        shown = made_up().main_table()
        for peer in peers.PEERS:
            if not peer.name.startswith("container-"):
                self.assertIn(peer.title, shown)
        self.assertIn("cannot run: crun is not installed", shown)
        self.assertIn("cannot run: 2 of 15 runs failed, with status 1", shown)
        self.assertIn("| 1.40 (1.40 to 1.40) |", shown)

    def test_noise_is_told(self):
        row = next(line for line in made_up().main_table().splitlines() if line.startswith("| systemd-nspawn"))
        self.assertIn("(cannot tell)", row)

    def test_a_bar_without_its_peer_says_why_there_is_no_verdict(self):
        lines = {line.split("|")[1].strip(): line for line in made_up().bars_table().splitlines()}
        self.assertRegex(lines["`container`, against chroot"], r"1\.40 ×.*\| +met \|")
        self.assertRegex(lines["bwrap, as container, against `container`"], r"3\.00 ×.*\| +met \|")
        self.assertRegex(next(line for name, line in lines.items() if name.startswith("crun")),
                         r"crun is not installed \| cannot tell \|")
        self.assertRegex(lines["the 1000th container, against the 1st"], r"1\.20 ×.*\| +met \|")

    def test_rates_grow_where_times_shrink(self):
        self.assertRegex(made_up().flight_table(), r"\| chroot +\| +50 \| 100 \| 2\.00 ×")

    def test_each_disk_is_compared_with_chroot_on_the_same(self):
        lines = {line.split("|")[1].strip(): line for line in made_up().disks_table().splitlines()}
        self.assertRegex(lines["**container --bare**"], r"\| +1\.20 ms \| 1\.20 × .*\| +1\.50 ms \| 1\.50 × ")
        self.assertIn("cannot run: no", lines["**container**"])
        self.assertNotIn("On the machine's own disk", made_up().own_disk_text())
        results = made_up()
        results.files["disks"]["container"] = results.files["disks"]["bare"]
        self.assertIn("`container --bare` takes 1.50 × the time of chroot", results.own_disk_text())

    def test_a_machine_without_an_ordinary_disk_says_so(self):
        self.assertIn("as mkfs.ext4 makes it, in a file; the machine's own disk: xfs;", made_up().machine_text())
        results = made_up()
        results.files["machine"]["why_own"] = "mkfs.ext4 is not installed"
        self.assertIn("its own disk, since there is no other (mkfs.ext4 is not installed): xfs;",
                      results.machine_text())
        self.assertIn("since there is no other (mkfs.ext4 is not installed).", results.own_disk_text())

    def test_pictures_are_small_xml_even_when_peers_are_missing(self):
        from xml.dom.minidom import parseString
        for results in (made_up(), Results.load()):
            for path, text in pictures.draw(results).items():
                parseString(text)
                self.assertLess(len(text.encode()), 20_000, path)

    def test_what_is_not_measured_raises(self):
        with self.assertRaisesRegex(NoResult, "crun is not installed"):
            made_up().rounds("start", "crun")


class Documents(unittest.TestCase):
    figures = {"a": "1.23 ms", "t": "\n\n| x |\n\n"}

    def problems(self, text):
        return documents.problems("x.md", text, self.figures)

    def test_figures_are_written_between_their_marks(self):
        old = "It takes <!-- bench: a -->9 ms<!-- /bench -->.\n\n<!-- bench: t -->\nold\n<!-- /bench -->\n"
        new = documents.render(old, self.figures)
        self.assertEqual(new, "It takes <!-- bench: a -->1.23 ms<!-- /bench -->.\n\n"
                              "<!-- bench: t -->\n\n| x |\n\n<!-- /bench -->\n")
        self.assertEqual(self.problems(new), [])
        self.assertEqual(len(self.problems(old)), 1)

    def test_what_is_from_no_result_is_found(self):
        for stray in ("3 ms", "3 µs", "40 KB", "1.5 MiB", "12 bytes", "3 times", "2.5 ×", "2x", "1,000 bytes"):
            self.assertEqual(len(self.problems(f"It takes {stray}, no more.")), 1, stray)
        for free in ("64 KiB", "1.25 ×", "Linux 5.12", "8189 arguments", "`3 ms`", "\n```\n3 ms\n```\n", "128+N"):
            self.assertEqual(self.problems(f"It takes {free}, no more."), [], free)

    def test_marks_that_are_wrong_are_found(self):
        for wrong in ("a <!-- bench: no -->1<!-- /bench -->", "a <!-- bench: a -->some", "a <!-- /bench -->",
                      "b\n<!-- bench: a -->1.23 ms<!-- /bench --> c"):
            self.assertEqual(len(self.problems(wrong)), 1, wrong)

    def test_the_documents_say_what_the_results_say(self):
        shown = Results.load().figures
        for path in documents.all_documents():
            self.assertEqual(documents.problems(path.name, path.read_text(), shown), [])

    def test_the_pictures_are_those_of_the_results(self):
        for path, text in pictures.draw(Results.load()).items():
            self.assertTrue(path.read_text() == text, f"{path.name}: make bench-report")

    def test_the_results_are_of_enough_runs(self):
        results = Results.load()
        for name in ("start", "containers", "mounts"):
            for peer, levels in results.files[name].items():
                for level, rounds in levels.items() if "failed" not in levels else ():
                    self.assertGreaterEqual(sum(map(len, rounds)), 200, f"{name}, {peer} at {level}")

    def test_readme_tells_every_peer(self):
        shown = Results.load().main_table()
        self.assertEqual([peer.title for peer in peers.PEERS if peer.title not in shown
                          and not peer.name.startswith("container-")], [])


if __name__ == "__main__":
    unittest.main()
