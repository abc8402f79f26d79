#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Is an output what its format demands, whatever the names in it?

    parse.py FORMAT FILE NEEDLE

FORMAT: table, json, jsonl, csv, folded, openmetrics, svg or html. NEEDLE must be in
it, or the names that are to be tested are not there.
"""
import csv
import html.parser
import io
import json
import re
import sys
import unicodedata
import xml.etree.ElementTree

LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{(?:%s(?:,%s)*)?\})? -?[0-9.eE+-]+( [0-9.]+)?" % (LABEL, LABEL))
COMMENT = re.compile(r"# (HELP|TYPE|UNIT) [a-zA-Z_:][a-zA-Z0-9_:]* .*|# EOF")


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)


def harmless(text):
    """What reaches a terminal: no controls, no escapes, nothing that turns the text around."""
    bad = [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
    if bad:
        raise ValueError(f"control characters: {bad[:5]}")


def parse_json(text):
    for string in strings_of(json.loads(text)):
        harmless(string)


def parse_jsonl(text):
    for line in text.splitlines():
        parse_json(line)


def parse_csv(text):
    widths = {len(row) for row in csv.reader(io.StringIO(text), strict=True)}
    if len(widths) != 1:
        raise ValueError(f"rows of {sorted(widths)} fields")


def parse_folded(text):
    for line in text.splitlines():
        if not re.fullmatch(r"[^ ]+ [0-9]+", line):
            raise ValueError(f"not folded: {line!r}")


def parse_openmetrics(text):
    lines = text.splitlines()
    for line in lines:
        if not SAMPLE.fullmatch(line) and not COMMENT.fullmatch(line):
            raise ValueError(f"not OpenMetrics: {line!r}")
    if lines[-1] != "# EOF" or lines.count("# EOF") != 1:
        raise ValueError("does not end with one # EOF")


class Page(html.parser.HTMLParser):
    """The elements of a page; those that a name could bring in are not among ours."""

    BAD = {"b": 6, "img": 0, "iframe": 0, "object": 0, "link": 0, "base": 0, "form": 0, "script": 1, "style": 1}

    def __init__(self):
        super().__init__()
        self.seen = {}

    def handle_starttag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        for name, value in attrs:
            if name.startswith("on") or name in ("src", "style") or name == "href" and value[0] != "#":
                raise ValueError(f"<{tag} {name}={value!r}>")


def parse_html(text):
    page = Page()
    page.feed(text)
    page.close()
    for tag, count in Page.BAD.items():
        if page.seen.get(tag, 0) != count:
            raise ValueError(f"{page.seen.get(tag, 0)} elements <{tag}>, not {count}")


PARSERS = {"table": str, "json": parse_json, "jsonl": parse_jsonl, "csv": parse_csv,
           "folded": parse_folded, "openmetrics": parse_openmetrics,
           "svg": xml.etree.ElementTree.fromstring, "html": parse_html}


def main():
    name, path, needle = sys.argv[1:]
    with open(path, "rb") as file:
        text = file.read().decode("utf-8")
    if name == "csv":
        text = text.replace("\r\n", "\n")
    harmless(text)
    PARSERS[name](text)
    if needle not in text:
        raise ValueError(f"{needle!r} is not in it: nothing was tested")


try:
    main()
except (ValueError, IndexError, xml.etree.ElementTree.ParseError, csv.Error) as error:
    sys.exit(f"{error}")
