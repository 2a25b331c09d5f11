# cachemodel: the other half of integration/format_test.cpp: reads, removes and writes entries in its stores.
# SPDX-License-Identifier: MIT
#
# Usage: check_entries.py read|remove|write PLACE    a memcached's socket, a database of SQLite, or a directory of files
#        check_entries.py page FILE      checks the dumps in docs/reference/format.md
import os
import re
import stat
import sys
import time
import zlib

from cachemodel_entries import (
    Alternative, Duration, Files, Float32, Memcached, NEVER, NoEntry, Set, Some, SqliteTable, Struct,
    Unordered, call_key, decoded, digest_key, encoded, integer_of, make_entry, model_key, open_entry,
    open_file, plain_key, take_apart, xxh3_64,
)

PREFIX, VERSION = "fmt", 3
LONG = "p" * 300
ESCAPED = "p" * 126 + "   " + "p" * 60

failures = []


def check(what, actual, expected):
    if actual != expected or type(actual) is not type(expected):
        failures.append("%s\n  is       %r\n  expected %r" % (what, actual, expected))


def product_key():
    return model_key("shop::Product", [("shop", 'corner "1"'), ("number", 17)], version=2)


def models():
    """Each model's key, and its body."""
    yield product_key(), {
        "name": "Grüner Tee", "latin": b"\xff", "price": {"cents": 450, "currency": "EUR"},
        "unit": 1, "sold": True, "least": -(1 << 63), "most": (1 << 64) - 1, "single": 0.5,
        "precise": 0.1, "nothing": None, "unknown": [None], "shelf": [1, "top"],
        "bytes": b"\x00\xff", "tags": ["hot", ""], "stock": {"Graz": 3, "Rome": 1000},
        "rows": [[-1, "a"], [2, "b"]], "sizes": [1, 5], "both": [7, True], "three": [1, "x", 1.5],
        "preparation": [90, "min"], "added": [1700000000, "s"], "document": {"a": [1, None, 2.5]},
    }
    yield model_key(
        "shop::Everything",
        [
            ("flag", True), ("small", -128), ("text", 'a b%"~é\n/'), ("bytes", b"\x01\xab"),
            ("unit", 1), ("some", Some(5)), ("none", None), ("customer", Struct(("value", 7))),
            ("duration", Duration(1500, "ms")),
        ],
    ), {"number": 1}
    yield model_key(
        "shop::Containers",
        [
            ("variant", Alternative(1, "x")), ("pair", (1, False)), ("list", [3, 1, 2]),
            ("set", Set("a", "b")), ("map", {"k": 1}),
            ("unordered", Unordered({9: "nine", 10: "ten"})),
            ("time", Duration(-5, "s", since_1970=True)),
        ],
    ), {"number": 2}
    yield model_key("shop::Page", [("path", LONG)]), {"text": "long"}
    yield model_key("shop::Page", [("path", ESCAPED)]), {"text": "cut before an escape"}
    yield model_key("shop::Page", [("path", "/")]), {"text": "root"}
    yield model_key("a/session", [("token", "8c1f0a5e-token")], secret=True), {"user": "bob"}
    yield model_key("shop::Person", [("name", "bob"), ("year", 1980)]), {
        "mother": ["eve", 1950], "father": None, "friends": [["ann", 1981]],
    }
    yield call_key("distance", ["Rome", 1e5, Float32(0.10000000149011612), 0], version=4), 2.5
    yield call_key(
        "distance", ["", 123456789012345680000.0, Float32(-2.4999999936881068e-07), 1], version=4
    ), 2.5
    yield call_key("sum", [1, 2], secret=True), 3


VALUES = {
    "text": "Zürich", "latin": b"\xff\x80", "bytes": b"\x00\x01\xff", "true": True, "unit": 1,
    "float": 0.5, "double": 0.1, "null": None, "empty": None, "nested": [None],
    "price": {"cents": -1, "currency": "USD"}, "list": [1, -1, 1000000000000], "long": "x" * 3000,
}
INTEGERS = {
    "integer": 42, "negative": -5, "largest": (1 << 64) - 1, "maybe": 7, "character": 65,
    "counter": 99,
}
PATTERNS = [*range(257), 511, 1023, 1024, 1025, 1087, 1088, 1089, 2048, 5000]


def pattern(size):
    return bytes((131 * i + 7) & 0xFF for i in range(size))


def store_at(place):
    mode = os.stat(place).st_mode
    if stat.S_ISSOCK(mode):
        return Memcached(place)
    return Files(place) if stat.S_ISDIR(mode) else SqliteTable(place)


def end_of(store, key):
    """When the backend ends an entry, in milliseconds since 1970; None for never."""
    if isinstance(store, SqliteTable):
        return store.row(key)[1]
    end = open_file(store.bytes_of(key), key)[1]
    return None if end == NEVER else end


def entry_of(server, what, final_key, envelope_key):
    data = server.get(final_key)
    if data is None:
        failures.append("%s: nothing is stored under %r" % (what, final_key))
        return None
    try:
        return open_entry(data, envelope_key, now=int(time.time() * 1000))
    except NoEntry as reason:
        failures.append("%s: %s: %r" % (what, reason, data))
        return None


def read(server):
    for key, body in models():
        entry = entry_of(server, key.full, plain_key(PREFIX, VERSION, key.stored), key.full)
        if entry is None:
            continue
        found = decoded(entry.body)
        check(key.full, found, body)
        if isinstance(body, dict):
            check(key.full + ", order", list(found), list(body))
        check(key.full + ", fresh-until", entry.fresh_until, None)
        check(key.full + ", age", abs(time.time() * 1000 - entry.written_at) < 600000, True)

    for name, value in VALUES.items():
        final_key = plain_key(PREFIX, VERSION, name)
        entry = entry_of(server, name, final_key, final_key)
        if entry is not None:
            check(name, decoded(entry.body), value)
    for name, number in INTEGERS.items():
        data = server.get(plain_key(PREFIX, VERSION, name))
        check(name, data and integer_of(data), number)

    final_key = plain_key(PREFIX, VERSION, "short-lived")
    entry = entry_of(server, "short-lived", final_key, final_key)
    if entry is not None and isinstance(server, Memcached):
        check("short-lived", entry.fresh_until - entry.written_at, 90500)
    elif entry is not None:
        check("short-lived, fresh-until", entry.fresh_until, None)
        end = end_of(server, final_key)
        check("short-lived, end %d" % (end - entry.written_at), 90499 <= end - entry.written_at < 120500, True)
        check("never", end_of(server, plain_key(PREFIX, VERSION, "text")), None)

    for key, value in {
        "short": "as it is", "a key with spaces": "digested", "sha256-" + "0" * 64: "digested, too",
    }.items():
        final_key = digest_key(PREFIX, 1, key)
        entry = entry_of(server, key, final_key, final_key)
        if entry is not None:
            check(key, decoded(entry.body), value)
    key = model_key("shop::Page", [("path", LONG)])
    entry = entry_of(server, "digest", digest_key(PREFIX, 1, key.stored), key.full)
    if entry is not None:
        check("digest", decoded(entry.body), {"text": "long"})

    check_what_stands_for_values(server)

    lines = (server.get(plain_key(PREFIX, VERSION, "checksums")) or b"").decode().splitlines()
    check("checksums", len(lines), 1206)
    for line in lines:
        size, hexadecimal = line.split()
        check("XXH3 of %s bytes" % size, xxh3_64(pattern(int(size))).to_bytes(8, "little").hex(), hexadecimal)

    # A file has a checksum of the key and one of the entry, both with a seed.
    for size in PATTERNS:
        check("%d bytes" % size, server.get(plain_key(PREFIX, VERSION, "pattern-%d" % size)), pattern(size))
    if isinstance(server, Files):
        check_damaged(server, plain_key(PREFIX, VERSION, "pattern-200"))


def check_what_stands_for_values(server):
    """Entries without a body are what they are, and nothing to who asks for a value."""
    then = 1893456000000  # the year 2030
    for name, kind, members in (
        ("removed", "removed", {"epoch": 0xFEDCBA9876543211}),
        ("leased", "being loaded", {"lease": (then + 2000, 0xFFFFFFFFFFFFFFFF)}),
        ("given-back", "nothing stored", {"epoch": 0xFEDCBA9876543210}),
        ("leased-anew", "being loaded", {"lease": (then + 2000, 1), "epoch": 7}),
        ("missing", "known missing", {"fresh_until": then + 10000, "known_missing": True}),
        ("stale", "value", {
            "fresh_until": then + 1, "load_cost": 0xFFFFFFFF, "lease": (then + 2000, 5), "epoch": 9,
        }),
    ):
        key = plain_key(PREFIX, VERSION, name)
        data = server.get(key)
        if data is None:
            failures.append("%s: nothing is stored" % name)
            continue
        entry = take_apart(data, key)
        check(name, entry.kind(then), kind)
        check(name + ", written", entry.written_at, then)
        for member in ("fresh_until", "load_cost", "lease", "epoch"):
            check("%s, %s" % (name, member), getattr(entry, member), members.get(member))
        check(name + ", missing", entry.known_missing, members.get("known_missing", False))
        check(name + ", again", make_entry(key, entry.body, then, **members), data)
        try:
            check(name + ", value", decoded(open_entry(data, key, now=then).body), "stale")
        except NoEntry as reason:
            check(name + ", reason", str(reason), kind)
    check("no reason", take_apart(make_entry("k", b"", then), "k").kind(), "undecodable")
    # A lease that is over keeps nobody waiting.
    key = plain_key(PREFIX, VERSION, "leased")
    check("lease over", take_apart(server.get(key) or b"", key).kind(then + 2000), "nothing stored")


def check_damaged(files, key):
    """Whatever bit of a file is changed, it is no entry any more."""
    sound = files.bytes_of(key)
    check("sound", open_file(sound, key)[0], pattern(200))
    for at in range(len(sound)):
        damaged = bytearray(sound)
        damaged[at] ^= 4
        reason = "foreign" if at < 8 else "unknown format" if at < 12 else "corrupt"
        try:
            open_file(bytes(damaged), key)
            failures.append("a file with another byte %d is an entry" % at)
        except NoEntry as why:
            check("byte %d" % at, str(why), reason)


def everything_on(server):
    keys = [plain_key(PREFIX, VERSION, key.stored) for key, _ in models()]
    keys += [plain_key(PREFIX, VERSION, name) for name in {**VALUES, **INTEGERS}]
    return {key: server.get(key) for key in keys}


def remove(server):
    before = everything_on(server)
    key = plain_key(PREFIX, VERSION, model_key("shop::Page", [("path", LONG)]).stored)
    check("the page was there", before[key] is not None, True)
    check("removed", server.delete(key), True)
    check("removed again", server.delete(key), False)
    before[key] = None
    check("all that is left", everything_on(server), before)


def write(server):
    now = int(time.time() * 1000)

    def store_note(id, entry):
        key = model_key("shop::Note", [("id", id)]).stored
        check("stored", server.set(plain_key(PREFIX, VERSION, key), entry), True)

    def note_key(id):
        return model_key("shop::Note", [("id", id)]).full

    # In another order than the struct's, and with a member that it does not have.
    body = encoded({"stars": 5, "colour": ["red", {"deep": None}], "text": "written in Python"})
    store_note(1, make_entry(note_key(1), body, now, fresh_until=now + 600000))
    store_note(2, make_entry(note_key(2), body, now - 2000, fresh_until=now - 1000))
    store_note(3, make_entry(note_key(1), body, now))
    sound = make_entry(note_key(4), body, now)
    for id, changed in ((4, b"\xcaM\x02\x00"), (5, b"\xcaM\x01\x20")):
        data = changed + make_entry(note_key(id), body, now)[4:-8]
        store_note(id, data + xxh3_64(data).to_bytes(8, "little"))
    store_note(6, sound[:-1])
    store_note(7, make_entry(note_key(7), encoded({"stars": "five"}), now))
    store_note(8, b"not ours")

    def in_cbor(*parts):
        return b"".join(encoded(part) if isinstance(part, str) else part for part in parts)

    stars = encoded("stars")
    for id, other in (
        # Sound: lengths and numbers longer than necessary, a tag on what the struct does not have,
        # text as a byte string.
        (9, in_cbor(b"\xb9\x00\x03", "stars", b"\x1b" + bytes(7) + b"\x05", "new", b"\xc1\x01",
                    "text", b"\x58\x02hi")),
        (10, in_cbor(b"\xa1", stars, b"\xc1\x05")),  # a tag
        (11, in_cbor(b"\xbf", stars, b"\x05\xff")),  # of indefinite length
        (12, encoded({"stars": 5}) + b"\x00"),  # a byte is left over
        (13, encoded({"stars": 5.0})),
        (14, in_cbor(b"\xa2", stars, b"\x05", stars, b"\x05")),  # twice
    ):
        store_note(id, make_entry(note_key(id), other, now))

    # What says more than its value, and what stands for none.
    later = now + 600000
    store_note(15, make_entry(
        note_key(15), body, now, fresh_until=later, load_cost=20, lease=(later, 1), epoch=2))
    store_note(16, make_entry(note_key(16), b"", now, epoch=3))
    store_note(17, make_entry(note_key(17), b"", now, lease=(later, 4)))
    store_note(18, make_entry(note_key(18), b"", now, fresh_until=later, known_missing=True))
    store_note(19, make_entry(note_key(19), b"", now, fresh_until=now - 1000, known_missing=True))

    for name, value in {
        "greeting": "hello", "half": 0.5, "numbers": [1, -2, 70000], "null": None,
    }.items():
        key = plain_key(PREFIX, VERSION, name)
        check("stored", server.set(key, make_entry(key, encoded(value), now)), True)
    check("stored", server.set(plain_key(PREFIX, VERSION, "visits"), b"7"), True)

    if not isinstance(server, Memcached):
        key = plain_key(PREFIX, VERSION, "over")
        server.set(key, make_entry(key, encoded("over"), now), now - 1)
        return

    # As clients of Django store an int and a str: their types are in memcached's flags.
    check("stored", server.set(plain_key("", 1, "hits"), b"41", flags=2), True)
    check("stored", server.set(plain_key("", 1, "name"), b"Ada", flags=16), True)
    # Nobody looks at them here: digits are an integer, and what is compressed is no entry.
    check("stored", server.set(plain_key("", 1, "zip"), b"90210", flags=16), True)
    check("stored", server.set(plain_key("", 1, "long"), zlib.compress(b"x" * 1000), flags=24), True)


def check_page(path):
    """Each block of the page that begins like an entry is one, and says what it holds."""
    with open(path, encoding="utf-8") as file:
        page = file.read()
    dumps = 0
    for block in re.findall(r"^```text\n(ca 4d.*?)^```", page, re.MULTILINE | re.DOTALL):
        digits = block.replace("..", "01")  # what is another number each time, and with it the checksum
        hexadecimal = "".join(re.match(r"[0-9a-f ]*?(?=  |$)", line)[0] for line in digits.splitlines())
        data = bytes.fromhex(hexadecimal)
        if digits != block:
            data = data[:-8] + xxh3_64(data[:-8]).to_bytes(8, "little")
        at = 12 + sum(size for flag, size in ((1, 8), (2, 4), (4, 16), (8, 8)) if data[3] & flag)
        key = data[at + 4 : at + 4 + int.from_bytes(data[at : at + 4], "little")]
        try:
            entry = take_apart(data, key)
            holds = repr(decoded(entry.body)) if entry.body else entry.kind()
        except NoEntry as reason:
            failures.append("a dump of the page is no entry: %s\n%s" % (reason, block))
            continue
        dumps += 1
        told = "`%s` holds `%s`" % (key.decode(), holds)
        check(told, told in page, True)
    check("there are dumps", dumps >= 3, True)


def main():
    step, place = sys.argv[1:]
    if step == "page":
        check_page(place)
    else:
        server = store_at(place)
        {"read": read, "remove": remove, "write": write}[step](server)
        server.close()
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
