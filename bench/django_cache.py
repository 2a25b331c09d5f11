"""cachemodel: Django's cache, as a candidate of network.cpp.

Takes the server's address as its argument, and one command on each line of its input: `get`, `set`,
`get_many` or `set_many`, and how often. Answers a line when it is done, `ready` when it has begun.
"""
# SPDX-License-Identifier: MIT

import sys

try:
    import django
    import pylibmc  # which Django's backend needs, and imports late
    from django.conf import settings
except ImportError as missing:
    sys.exit(str(missing))

ENTRIES = 100


def payload(number):
    return {
        "owner": f"The Honourable Company of Clerks {number}",
        "purpose": "storage of maps, 1780 to 1890",
        "remark": "The stairs are steep; bring a lamp and a second pair of eyes",
        "square_millimetres": 84_250_000 + number,
        "latitude": 51.51279,
        "rooms": ["reading room", "archive", "workshop for bindings", "office of the curator"],
    }


def main():
    settings.configure(
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.memcached.PyLibMCCache",
                "LOCATION": sys.argv[1],
                "OPTIONS": {"binary": False, "behaviors": {"tcp_nodelay": True}},
            }
        }
    )
    django.setup()
    from django.core.cache import cache

    entries = {f"survey {number}".replace(" ", "-"): payload(number) for number in range(ENTRIES)}
    keys = list(entries)
    first = keys[0]
    # How to call it, and what comes.
    verbs = {
        "get": (lambda: cache.get(first), entries[first]),
        "set": (lambda: cache.set(first, entries[first]), None),
        "get_many": (lambda: cache.get_many(keys), entries),
        "set_many": (lambda: cache.set_many(entries), []),
    }
    assert cache.set_many(entries) == []
    print("ready", flush=True)
    for line in sys.stdin:
        verb, times = line.split()
        call, expected = verbs[verb]
        for _ in range(int(times)):
            result = call()
        print("done" if result == expected else "wrong", flush=True)


if __name__ == "__main__":
    main()
