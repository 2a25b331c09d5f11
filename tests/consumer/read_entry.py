# cachemodel: a user's program in Python, which takes an entry apart without the library.
# SPDX-License-Identifier: MIT
import sys

import cachemodel_entries as entries

assert entries.__file__.startswith(sys.argv[1]), entries.__file__

key = entries.plain_key("geo", 7, "greeting")
assert key == b"geo:7:greeting", key
entry = entries.make_entry(key, b"\x65hello", written_at=1_700_000_000_000)
opened = entries.open_entry(entry, key)
assert entries.Cbor(opened.body).item() == "hello", opened.body
assert opened.written_at == 1_700_000_000_000
try:
    entries.open_entry(entry[:-1] + b"?", key)
except entries.NoEntry as reason:
    assert str(reason) == "corrupt", reason
else:
    raise AssertionError("an entry with a wrong checksum was opened")
