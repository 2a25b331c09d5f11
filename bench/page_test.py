#!/usr/bin/env python3
# cachemodel: whether bench/page makes a sound page.
# SPDX-License-Identifier: MIT
"""Makes pages of figures that are known, and one of what the benchmarks gave when they ran once."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PAGE = pathlib.Path(__file__).resolve().parent / "page"
MEASURED = {"compiler": "g++ 12.2.0", "rounds": 101, "load": 0.25}
HITS = {
    "title": "hit",
    "columns": ["median, ns", "fastest, ns", "ratio"],
    "rows": [
        {"name": "by hand", "figures": [100, 98.26, 1]},
        {"name": "cachemodel", "figures": [12345.6, 12000, 123.456]},
    ],
    "targets": [
        {"what": "cachemodel", "at_most": 200, "reached": 12345.6, "unit": "ns"},
        {"what": "by hand", "at_least": 0.9, "reached": 1.25, "unit": "x the speed of it"},
        {"what": "small", "at_most": 0.02, "reached": 0.018412, "unit": "x the time of it"},
    ],
}
BATCH = {
    "title": "get_many <of> & others",
    "columns": ["bare socket", "cachemodel"],
    "rows": [
        {"name": "1", "figures": [20000, 25000]},
        {"name": "100", "figures": [800, None]},
        {"name": "10000", "figures": [500, 900]},
    ],
    "plot": {"over": "models in a call", "unit": "ns"},
    "targets": [],
}


def run(figures, to):
    command = [sys.executable, "-B", PAGE, "--figures", figures, "--to", to]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


class PageTest(unittest.TestCase):
    figures = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.given = pathlib.Path(directory.name, "figures")
        self.to = pathlib.Path(directory.name, "docs")
        self.given.mkdir()

    def give(self, topic, *tables):
        lines = [json.dumps(line) for line in (MEASURED, *tables)]
        (self.given / f"{topic}.json").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def page(self):
        made = run(self.given, self.to)
        self.assertEqual(made.returncode, 0, made.stderr)
        return (self.to / "benchmarks.md").read_text(encoding="utf-8")

    def assert_sound(self, page):
        """Each table has as many cells in all lines, and each link leads to a plot that is XML."""
        width = None
        for line in page.splitlines():
            if line.startswith("|"):
                width = width or len(cells(line))
                self.assertEqual(len(cells(line)), width, line)
            else:
                width = None
        plots = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page)
        for plot in plots:
            root = xml.etree.ElementTree.parse(self.to / plot).getroot()
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            box = [float(number) for number in root.get("viewBox").split()]
            for mark in root.iter("{http://www.w3.org/2000/svg}circle"):
                self.assertTrue(0 <= float(mark.get("cx")) <= box[2], plot)
                self.assertTrue(0 <= float(mark.get("cy")) <= box[3], plot)
        written = {f"benchmarks/{file.name}" for file in (self.to / "benchmarks").iterdir()}
        self.assertEqual(set(plots), written)
        self.assertEqual(len(plots), len(written))

    def test_figures_stand_in_a_table_with_three_digits(self):
        self.give("memory", HITS)
        page = self.page()
        self.assert_sound(page)
        self.assertIn("| by hand | 100 | 98.3 | 1 |\n", page)
        self.assertIn("| cachemodel | 12,346 | 12,000 | 123.5 |\n", page)
        self.assertIn("(g++ 12.2.0; 101 rounds; load 0.25 before.)", page)

    def test_targets_are_listed_with_what_was_reached(self):
        self.give("memory", HITS)
        page = self.page()
        self.assertIn("| hit: cachemodel | at most 200 ns | 12,346 | **no** |\n", page)
        self.assertIn("| hit: by hand | at least 0.9 x the speed of it | 1.25 | yes |\n", page)
        self.assertIn("| hit: small | at most 0.02 x the time of it | 0.0184 | yes |\n", page)
        self.assertIn("* cachemodel: 12,346; at most 200 ns: **not reached**\n", page)

    def test_what_grows_is_plotted(self):
        self.give("growth", BATCH)
        page = self.page()
        self.assert_sound(page)
        self.assertIn("| models in a call | bare socket | cachemodel |\n", page)
        self.assertIn("| 100 | 800 | - |\n", page)
        root = xml.etree.ElementTree.parse(self.to / "benchmarks/get_many_of_others.svg").getroot()
        texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        for text in ("get_many <of> & others", "models in a call", "ns", "bare socket", "10 k"):
            self.assertIn(text, texts)
        # A mark for each figure, and one in the legend.
        self.assertEqual(len(list(root.iter("{http://www.w3.org/2000/svg}circle"))), 3 + 1)

    def test_topics_have_an_order_and_unknown_ones_come_last(self):
        self.give("a_new_one", {**HITS, "title": "new"})
        self.give("growth", BATCH)
        self.give("network", HITS)
        page = self.page()
        self.assert_sound(page)
        heads = [line for line in page.splitlines() if line.startswith("## ")]
        self.assertEqual(
            heads,
            ["## What was to be reached", "## On memcached", "## As it grows", "## A new one"],
        )

    def test_plots_of_another_time_are_removed(self):
        self.give("growth", BATCH)
        self.page()
        self.give("growth", {**BATCH, "title": "another"})
        page = self.page()
        self.assert_sound(page)
        self.assertIn("benchmarks/another.svg", page)

    def test_without_figures_there_is_no_page(self):
        made = run(self.given, self.to)
        self.assertNotEqual(made.returncode, 0)
        self.assertIn("no figures", made.stderr)
        self.assertFalse((self.to / "benchmarks.md").exists())

    def test_the_benchmarks_make_a_sound_page(self):
        if not self.figures:
            self.skipTest("no --figures")
        self.given = self.figures
        self.to = self.figures.parent / "page"
        page = self.page()
        self.assert_sound(page)
        self.assertIn("## As it grows", page)
        self.assertIn("| Models::get |", page)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--figures", type=pathlib.Path, metavar="DIRECTORY")
    arguments, others = parser.parse_known_args()
    PageTest.figures = arguments.figures
    unittest.main(argv=[sys.argv[0], *others])


main()
