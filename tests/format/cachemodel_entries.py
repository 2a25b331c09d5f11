# cachemodel: reads, writes and removes entries; plain Python, made from docs/reference/format.md alone.
# SPDX-License-Identifier: MIT
"""What another language needs: keys, envelopes, bodies; memcached's text protocol, SQLite's rows, files.

Nothing but the standard library. The sections of the page have the names of the sections below.
"""
import hashlib
import math
import os
import socket
import struct
import time

# ---- text of values in keys


class Some:
    """An optional that is not empty. (An empty one is None.)"""

    def __init__(self, value):
        self.value = value


class Alternative:
    """What a variant holds, and which of its types that is."""

    def __init__(self, index, value):
        self.index, self.value = index, value


class Duration:
    """A count of a unit, such as "ms"; `since_1970` for a time point."""

    def __init__(self, count, unit, since_1970=False):
        self.count, self.unit, self.since_1970 = count, unit, since_1970


class Struct:
    """A plain struct: pairs of wire name and value, in declaration order."""

    def __init__(self, *members):
        self.members = members


class Set:
    """A set, in the order in which the program iterates over it."""

    def __init__(self, *elements):
        self.elements = elements


class Unordered:
    """An unordered map (a dict), set (a Set) or multi-valued container: sorted by its texts."""

    def __init__(self, container):
        self.container = container


class Float32(float):
    """A float; a plain Python float is a double."""


def escaped(text):
    """Visible ASCII stays, but for the quote, the percent sign and the tilde."""
    raw = text.encode() if isinstance(text, str) else bytes(text)
    return "".join(
        chr(byte) if 0x20 < byte < 0x7F and byte not in b'"%~' else "%%%02x" % byte for byte in raw
    )


def shortest(number):
    """The shortest decimal that gives back the same bits: fixed notation unless the other is shorter."""
    if math.isnan(number):
        raise ValueError("NaN is no key")
    if math.isinf(number):
        return "-inf" if number < 0 else "inf"
    if number == 0:
        return "0"
    for precision in range(17):
        scientific = "%.*e" % (precision, number)
        back = float(scientific)
        if isinstance(number, Float32):
            back = struct.unpack("<f", struct.pack("<f", back))[0]
        if back == number:
            break
    mantissa, exponent = scientific.split("e")
    power = int(exponent)
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.replace(".", "").lstrip("-")
    if power >= len(digits) - 1:
        fixed = "%d" % number  # every digit of it, also those that are not needed
    elif power >= 0:
        fixed = sign + digits[: power + 1] + "." + digits[power + 1 :]
    else:
        fixed = sign + "0." + "0" * (-power - 1) + digits
    return fixed if len(fixed) <= len(scientific) else scientific


def key_text(value):
    """A value as it stands in a key."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, str):
        return '"' + escaped(value) + '"'
    if isinstance(value, (bytes, bytearray)):
        return 'x"' + bytes(value).hex() + '"'
    if isinstance(value, Some):
        return "?" + key_text(value.value)
    if isinstance(value, Alternative):
        return "<%d>" % value.index + key_text(value.value)
    if isinstance(value, Duration):
        return ("@" if value.since_1970 else "") + "%d" % value.count + escaped(value.unit)
    if isinstance(value, Struct):
        return "{" + ",".join(escaped(n) + "=" + key_text(v) for n, v in value.members) + "}"
    if isinstance(value, Unordered):
        opening, parts, closing = parts_of(value.container)
        return opening + ",".join(sorted(parts)) + closing
    opening, parts, closing = parts_of(value)
    return opening + ",".join(parts) + closing


def parts_of(container):
    if isinstance(container, dict):
        return "{", [key_text(k) + "=" + key_text(v) for k, v in container.items()], "}"
    if isinstance(container, Set):
        return "{", [key_text(e) for e in container.elements], "}"
    if isinstance(container, list):
        return "[", [key_text(e) for e in container], "]"
    if isinstance(container, tuple):
        return "(", [key_text(e) for e in container], ")"
    raise TypeError("no value of a key: %r" % (container,))


# ---- keys of models and of calls

LONGEST_KEY = 180


class EntryKey:
    """`stored` is a part of the final key, `full` stands in the envelope."""

    def __init__(self, stored, full):
        self.stored, self.full = stored, full


def head_of_key(name, version):
    """The name with its own escapes for the two bytes that end it."""
    text = escaped(name).replace("/", "%2f").replace("@", "%40")
    return "%s@%d/" % (text, version)


def shortened(text, head, digits):
    cut = head[: LONGEST_KEY - digits - 1]
    escape = cut.rfind("%")
    if escape != -1 and escape + 3 > len(cut):
        cut = cut[:escape]  # not through an escape
    return cut + "~" + hashlib.sha256(text.encode()).hexdigest()[:digits]


def finished_key(text, head, secret):
    if secret:
        stored = shortened(text, head, 64)
        return EntryKey(stored, stored)
    if len(text) <= LONGEST_KEY:
        return EntryKey(text, text)
    return EntryKey(shortened(text, text, 32), text)


def model_key(name, keys, version=1, secret=False):
    """`keys` are pairs of wire name and value, in declaration order."""
    head = head_of_key(name, version)
    text = head + ",".join(escaped(key) + "=" + key_text(value) for key, value in keys)
    return finished_key(text, head, secret)


def call_key(name, arguments, members=(), version=1, secret=False):
    """Of a cached function or method that has a `.name`."""
    head = head_of_key(name, version)
    text = head + ",".join(escaped(key) + "=" + key_text(value) for key, value in members)
    text += "(" + ",".join(key_text(value) for value in arguments) + ")"
    return finished_key(text, head, secret)


# ---- the final key


def plain_key(prefix, version, key):
    raw = key.encode() if isinstance(key, str) else key
    return ("%s:%d:" % (prefix, version)).encode() + raw


def digest_key(prefix, version, key):
    raw = key.encode() if isinstance(key, str) else key
    final = plain_key(prefix, version, raw)
    portable = 0 < len(final) <= 250 and all(byte > 0x20 and byte != 0x7F for byte in final)
    looks_digested = raw.startswith(b"sha256-") and len(raw) == 71
    if portable and not looks_digested:
        return final
    digest = hashlib.sha256(raw).hexdigest()
    return plain_key(prefix, version, "sha256-" + digest)


# ---- the checksum: XXH3, 64 bits (the specification of xxHash, "XXH3 algorithm")

MASK64 = (1 << 64) - 1
PRIME32_1, PRIME32_2, PRIME32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
PRIME64_1, PRIME64_2 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F
PRIME64_3, PRIME64_4, PRIME64_5 = 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
PRIME_MX1, PRIME_MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)


def read32(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def read64(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def folded(a, b):
    product = a * b
    return (product & MASK64) ^ (product >> 64)


def avalanche(value):
    value ^= value >> 37
    value = value * PRIME_MX1 & MASK64
    return value ^ (value >> 32)


def avalanche_of_xxh64(value):
    value ^= value >> 33
    value = value * PRIME64_2 & MASK64
    value ^= value >> 29
    value = value * PRIME64_3 & MASK64
    return value ^ (value >> 32)


def mixed16(data, at, secret_at, seed):
    return folded(
        read64(data, at) ^ (read64(SECRET, secret_at) + seed & MASK64),
        read64(data, at + 8) ^ (read64(SECRET, secret_at + 8) - seed & MASK64),
    )


def xxh3_of_short(data, seed):
    size = len(data)
    if size == 0:
        return avalanche_of_xxh64(seed ^ read64(SECRET, 56) ^ read64(SECRET, 64))
    if size <= 3:
        combined = data[0] << 16 | data[size >> 1] << 24 | data[size - 1] | size << 8
        return avalanche_of_xxh64(combined ^ ((read32(SECRET, 0) ^ read32(SECRET, 4)) + seed & MASK64))
    if size <= 8:
        combined = read32(data, size - 4) + (read32(data, 0) << 32)
        seed ^= int.from_bytes((seed & 0xFFFFFFFF).to_bytes(4, "little"), "big") << 32
        value = combined ^ ((read64(SECRET, 8) ^ read64(SECRET, 16)) - seed & MASK64)
        value ^= (value << 49 | value >> 15) & MASK64 ^ (value << 24 | value >> 40) & MASK64
        value = value * PRIME_MX2 & MASK64
        value ^= (value >> 35) + size
        value = value * PRIME_MX2 & MASK64
        return value ^ (value >> 28)
    low = ((read64(SECRET, 24) ^ read64(SECRET, 32)) + seed & MASK64) ^ read64(data, 0)
    high = ((read64(SECRET, 40) ^ read64(SECRET, 48)) - seed & MASK64) ^ read64(data, size - 8)
    swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
    return avalanche((size + swapped + high + folded(low, high)) & MASK64)


def xxh3_of_middle(data, seed):
    size = len(data)
    total = size * PRIME64_1
    if size <= 128:
        for i in range((size - 1) // 32, -1, -1):
            total += mixed16(data, 16 * i, 32 * i, seed)
            total += mixed16(data, size - 16 * (i + 1), 32 * i + 16, seed)
        return avalanche(total & MASK64)
    for i in range(8):
        total += mixed16(data, 16 * i, 16 * i, seed)
    total = avalanche(total & MASK64)
    for i in range(8, size // 16):
        total += mixed16(data, 16 * i, 16 * (i - 8) + 3, seed)
    total += mixed16(data, size - 16, 136 - 17, seed)
    return avalanche(total & MASK64)


def accumulate(lanes, data, at, secret, secret_at):
    for i in range(8):
        value = read64(data, at + 8 * i)
        keyed = value ^ read64(secret, secret_at + 8 * i)
        lanes[i ^ 1] = (lanes[i ^ 1] + value) & MASK64
        lanes[i] = (lanes[i] + (keyed & 0xFFFFFFFF) * (keyed >> 32)) & MASK64


def secret_of(seed):
    """The secret, in which each pair of numbers has the seed added to one and taken from the other."""
    pairs = range(0, len(SECRET), 16)
    numbers = [(read64(SECRET, at) + seed & MASK64, read64(SECRET, at + 8) - seed & MASK64) for at in pairs]
    return b"".join(struct.pack("<QQ", *pair) for pair in numbers)


def xxh3_of_long(data, seed):
    size = len(data)
    secret = secret_of(seed)
    lanes = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1]
    stripes_of_block = (len(secret) - 64) // 8
    block = 64 * stripes_of_block
    blocks = (size - 1) // block
    for b in range(blocks):
        for s in range(stripes_of_block):
            accumulate(lanes, data, b * block + 64 * s, secret, 8 * s)
        for i in range(8):  # scramble
            lane = lanes[i] ^ (lanes[i] >> 47) ^ read64(secret, len(secret) - 64 + 8 * i)
            lanes[i] = lane * PRIME32_1 & MASK64
    for s in range((size - 1 - block * blocks) // 64):
        accumulate(lanes, data, block * blocks + 64 * s, secret, 8 * s)
    accumulate(lanes, data, size - 64, secret, len(secret) - 64 - 7)
    merged = size * PRIME64_1
    for i in range(4):
        merged += folded(
            lanes[2 * i] ^ read64(secret, 11 + 16 * i), lanes[2 * i + 1] ^ read64(secret, 19 + 16 * i)
        )
    return avalanche(merged & MASK64)


def xxh3_64(data, seed=0):
    if len(data) <= 16:
        return xxh3_of_short(data, seed)
    return xxh3_of_middle(data, seed) if len(data) <= 240 else xxh3_of_long(data, seed)


# ---- the envelope

FORMAT = 1
HAS_FRESH_UNTIL, HAS_LOAD_COST, HAS_LEASE, HAS_EPOCH, IS_KNOWN_MISSING = 1, 2, 4, 8, 16
# What each flag adds behind the time of writing, in this order.
OPTIONAL = ((HAS_FRESH_UNTIL, "<q"), (HAS_LOAD_COST, "<I"), (HAS_LEASE, "<qQ"), (HAS_EPOCH, "<Q"))
ALL_FLAGS = 31


class NoEntry(Exception):
    """Why bytes are no entry that may be used; to be taken as a miss."""


class Entry:
    """A sound entry of its key, which may stand for no value: see `kind`.

    Times are milliseconds since 1970, `load_cost` is in milliseconds, `lease` is the pair of the time that
    it ends and its owner's number.
    """

    def __init__(
        self, key, body, written_at, fresh_until=None, load_cost=None, lease=None, epoch=None, known_missing=False
    ):
        self.key, self.body = key, body
        self.written_at, self.fresh_until = written_at, fresh_until
        self.load_cost, self.lease, self.epoch = load_cost, lease, epoch
        self.known_missing = known_missing

    def kind(self, now=None):
        """What it is: "value", or what stands there instead of one. `now` ends leases that are over."""
        if self.body:
            return "value"
        if self.lease is not None and (now is None or now < self.lease[0]):
            return "being loaded"
        if self.known_missing:
            return "known missing"
        if self.epoch is not None and self.epoch % 2 == 1:
            return "removed"
        return "undecodable" if self.lease is None and self.epoch is None else "nothing stored"

    def is_over(self, now):
        return self.fresh_until is not None and now >= self.fresh_until


def take_apart(data, key):
    """Whatever entry of the key it is."""
    if data[:2] != b"\xcaM":
        raise NoEntry("foreign")
    if len(data) < 12:
        raise NoEntry("corrupt")
    flags = data[3]
    known = data[2] == FORMAT and flags & ~ALL_FLAGS == 0
    covered, checksum = data[:-8], read64(data, len(data) - 8)
    if xxh3_64(covered) != checksum:
        raise NoEntry("corrupt" if known else "unknown format")
    if not known:
        raise NoEntry("unknown format")
    try:
        at = 4
        (written_at,) = struct.unpack_from("<q", covered, at)
        at += 8
        found = {}
        for flag, form in OPTIONAL:
            if flags & flag:
                found[flag] = struct.unpack_from(form, covered, at)
                at += struct.calcsize(form)
        (size,) = struct.unpack_from("<I", covered, at)
        at += 4
    except struct.error:
        raise NoEntry("corrupt") from None
    if len(covered) < at + size:
        raise NoEntry("corrupt")
    if covered[at : at + size] != (key.encode() if isinstance(key, str) else key):
        raise NoEntry("other key")
    return Entry(
        covered[at : at + size],
        covered[at + size :],
        written_at,
        fresh_until=found.get(HAS_FRESH_UNTIL, (None,))[0],
        load_cost=found.get(HAS_LOAD_COST, (None,))[0],
        lease=found.get(HAS_LEASE),
        epoch=found.get(HAS_EPOCH, (None,))[0],
        known_missing=flags & IS_KNOWN_MISSING != 0,
    )


def open_entry(data, key, now=None):
    """The entry of a value. `now`, in milliseconds since 1970, ends those that are over."""
    entry = take_apart(data, key)
    if now is not None and entry.is_over(now):
        raise NoEntry("expired")
    if entry.kind(now) != "value":
        raise NoEntry(entry.kind(now))
    return entry


def make_entry(
    key, body, written_at, fresh_until=None, load_cost=None, lease=None, epoch=None, known_missing=False
):
    """As `Entry` has them. What stands for no value has an empty body."""
    raw = key.encode() if isinstance(key, str) else key
    optional = {
        HAS_FRESH_UNTIL: None if fresh_until is None else (fresh_until,),
        HAS_LOAD_COST: None if load_cost is None else (load_cost,),
        HAS_LEASE: lease,
        HAS_EPOCH: None if epoch is None else (epoch,),
    }
    flags = sum(flag for flag, values in optional.items() if values is not None)
    flags += IS_KNOWN_MISSING if known_missing else 0
    data = b"\xcaM" + bytes([FORMAT, flags]) + struct.pack("<q", written_at)
    for flag, form in OPTIONAL:
        if optional[flag] is not None:
            data += struct.pack(form, *optional[flag])
    data += struct.pack("<I", len(raw)) + raw + body
    return data + struct.pack("<Q", xxh3_64(data))


def integer_of(data):
    """The number that bare decimal text means, or None where it is none."""
    digits = data.rstrip(b" ")
    unsigned = digits[1:] if digits.startswith(b"-") else digits
    return int(digits) if unsigned.isdigit() else None


# ---- the body: CBOR (RFC 8949)

MOST_NESTING = 100


class Cbor:
    """Items are int, bool, None, float, str, bytes, list and dict; tags are passed over."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise NoEntry("undecodable")
        self.at += size
        return self.data[self.at - size : self.at]

    def item(self, depth=0):
        if depth > MOST_NESTING:
            raise NoEntry("undecodable")
        first = self.take(1)[0]
        major, extra = first >> 5, first & 31
        if extra > 27:
            raise NoEntry("undecodable")  # of indefinite length, or reserved
        number = extra if extra < 24 else int.from_bytes(self.take(1 << (extra - 24)), "big")
        if major == 0:
            return number
        if major == 1:
            return -1 - number
        if major == 2:
            return self.take(number)
        if major == 3:
            return self.text(self.take(number))
        if major in (4, 5) and number > len(self.data) - self.at:
            raise NoEntry("undecodable")  # each element takes a byte at the least
        if major == 4:
            return [self.item(depth + 1) for _ in range(number)]
        if major == 5:
            return self.map(number, depth)
        if major == 6:
            return self.item(depth + 1)
        if extra >= 25:
            form = {25: ">e", 26: ">f", 27: ">d"}[extra]
            return struct.unpack(form, number.to_bytes(1 << (extra - 24), "big"))[0]
        if number in (20, 21, 22):
            return {20: False, 21: True, 22: None}[number]
        raise NoEntry("undecodable")

    def map(self, count, depth):
        found = {}
        for _ in range(count):
            name = self.item(depth + 1)
            if isinstance(name, (list, dict)) or name in found:
                raise NoEntry("undecodable")
            found[name] = self.item(depth + 1)
        return found

    @staticmethod
    def text(data):
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise NoEntry("undecodable") from None


def decoded(body):
    reader = Cbor(body)
    value = reader.item()
    if reader.at != len(body):
        raise NoEntry("undecodable")
    return value


def encoded(value):
    """Enough to write entries: a plain Python float is written as a double."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, dict):
        parts = [encoded(part) for pair in value.items() for part in pair]
        return cbor_head(5, len(value)) + b"".join(parts)
    return cbor_head(4, len(value)) + b"".join(encoded(element) for element in value)


def cbor_head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes([major << 5 | extra]) + number.to_bytes(size, "big")
    raise ValueError("an integer of more than 64 bits")


# ---- memcached, as far as it is needed


class Memcached:
    """A server at a unix socket's path, or at (host, port)."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.answers = self.socket.makefile("rb")

    def close(self):
        self.answers.close()
        self.socket.close()

    def get(self, key):
        """The bytes, or None."""
        self.socket.sendall(b"get " + key + b"\r\n")
        line = self.answers.readline()
        if line == b"END\r\n":
            return None
        word, found, _flags, size = line.split()[:4]
        if word != b"VALUE" or found != key:
            raise OSError("memcached answers %r" % line)
        value = self.answers.read(int(size))
        if self.answers.read(2) != b"\r\n" or self.answers.readline() != b"END\r\n":
            raise OSError("memcached's answer does not end")
        return value

    def set(self, key, value, seconds=0, flags=0):
        head = b"set %s %d %d %d\r\n" % (key, flags, seconds, len(value))
        self.socket.sendall(head + value + b"\r\n")
        return self.answers.readline() == b"STORED\r\n"

    def delete(self, key):
        self.socket.sendall(b"delete %s\r\n" % key)
        return self.answers.readline() == b"DELETED\r\n"


# ---- SQLite


class SqliteTable:
    """The table of a database file that is there. Ends are milliseconds since 1970, or None for never."""

    def __init__(self, path, table="cachemodel_entries"):
        import sqlite3  # not every Python is built with it

        self.database = sqlite3.connect(path, timeout=10, isolation_level=None)
        self.table = '"%s"' % table.replace('"', '""')

    def close(self):
        self.database.close()

    def row(self, key, now=None):
        """The bytes and their end, or None."""
        now = int(time.time() * 1000) if now is None else now
        sql = "SELECT value, expires_at FROM %s WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)"
        return self.database.execute(sql % self.table, (key, now)).fetchone()

    def get(self, key):
        """The bytes, or None."""
        row = self.row(key)
        return None if row is None else row[0]

    def set(self, key, value, expires_at=None):
        now = int(time.time() * 1000)
        token = int.from_bytes(os.urandom(7), "little") + 1
        sql = "INSERT OR REPLACE INTO %s (key, value, expires_at, written_at, token) VALUES (?, ?, ?, ?, ?)"
        self.database.execute(sql % self.table, (key, value, expires_at, now, token))
        return True

    def delete(self, key):
        return self.database.execute("DELETE FROM %s WHERE key = ?" % self.table, (key,)).rowcount == 1


# ---- files, which are read and removed, not written

FILE_MAGIC = b"\x89cmfile\n"
FILE_FORMAT = 1
NEVER = (1 << 63) - 1


def file_name(key):
    """Where the entry of a final key is, below the cache's directory."""
    digest = hashlib.sha256(key).hexdigest()
    return "%s/%s.cachemodel" % (digest[:2], digest)


def open_file(data, key, now=None):
    """The entry that a file holds, and its end. `now`, in milliseconds since 1970, ends those that are over."""
    if data[:8] != FILE_MAGIC[: len(data)]:
        raise NoEntry("foreign")
    if len(data) >= 12 and read32(data, 8) != FILE_FORMAT:
        raise NoEntry("unknown format")
    if len(data) < 64 or len(data) != 64 + read32(data, 12) + read64(data, 16):
        raise NoEntry("corrupt")
    key_end = 64 + read32(data, 12)
    found, value = data[64:key_end], data[key_end:]
    seed = read64(data, 32)
    if xxh3_64(found, xxh3_64(data[:32])) != seed or xxh3_64(value, seed) != read64(data, 40):
        raise NoEntry("corrupt")
    if found != key:
        raise NoEntry("other key")
    if xxh3_64(data[48:56], seed) != read64(data, 56):
        raise NoEntry("corrupt")
    end = struct.unpack_from("<q", data, 48)[0]
    if now is not None and end != NEVER and now >= end:
        raise NoEntry("expired")
    return value, end


class Files:
    """A directory of entries."""

    def __init__(self, directory):
        self.directory = directory

    def close(self):
        pass

    def bytes_of(self, key):
        """What the file of a key holds, or None."""
        try:
            with open(os.path.join(self.directory, file_name(key)), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def get(self, key):
        """The bytes, or None."""
        data = self.bytes_of(key)
        return None if data is None else open_file(data, key, now=int(time.time() * 1000))[0]

    def delete(self, key):
        try:
            os.unlink(os.path.join(self.directory, file_name(key)))
        except FileNotFoundError:
            return False
        return True
