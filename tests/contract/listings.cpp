// cachemodel: the contract of backends: listing keys.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::contract {

using namespace support;

namespace {

using Keys = std::set<std::string>;

/// As a set: a key that is written while it is listed may come twice.
Keys listed(Backend& backend, std::string_view prefix) {
    const auto keys = list_keys(backend, prefix);
    return {keys.begin(), keys.end()};
}

struct Acting final : KeySink {
    explicit Acting(std::function<void(std::string_view)> what) : action(std::move(what)) {}
    void key(std::string_view key) override { action(key); }
    std::function<void(std::string_view)> action;
};

void prefixes(Backend& backend) {
    SECTION("exactly the keys that begin with the prefix are listed") {
        const auto base = new_key("list");
        for (const auto* const end : {"", ":", ":a", ":b", ":b:c", "x", "X"}) {
            CHECK(set(backend, base + end, "v").done());
        }
        CHECK(set(backend, "before:" + base + ":a", "v").done());
        CHECK(listed(backend, base + ":") ==
              Keys{base + ":", base + ":a", base + ":b", base + ":b:c"});
        CHECK(listed(backend, base + ":b") == Keys{base + ":b", base + ":b:c"});
        CHECK(listed(backend, base).size() == 7);
        CHECK(listed(backend, base + "x") == Keys{base + "x"});
        CHECK(listed(backend, base + ":b:c") == Keys{base + ":b:c"});
        CHECK(listed(backend, base + ":b:c:").empty());
        CHECK(listed(backend, new_key("none")).empty());
    }
    SECTION("every key begins with the empty prefix") {
        const auto one = new_key("one");
        const auto other = new_key("other");
        CHECK(set(backend, one, "v").done());
        CHECK(set(backend, other, "v").done());
        const auto all = listed(backend, "");
        CHECK(all.contains(one));
        CHECK(all.contains(other));
    }
    SECTION("no byte of a prefix has a meaning of its own") {
        const auto base = new_key("meta");
        const std::vector<std::string> beginnings{
            "*",    "?",    "[",   "]",   "\\", "%",        "_",    "^",        ".", "$",
            "(",    "|",    "{",   "'",   "\"", ";",        "--",   "/",        "#", "[a",
            "[ab]", "[^a]", "\\*", "\\%", "%%", "\xC3\xA9", "\xFF", "\xFF\xFF",
        };
        CHECK(set(backend, base, "v").done());
        // What a pattern or a comparison that is not of bytes would find in their stead.
        for (const auto* const decoy : {"a", "ab", "b", "z", "\\", "E", "e", "\xC3\x89", "\xFE"}) {
            CHECK(set(backend, base + decoy, "v").done());
        }
        for (const auto& beginning : beginnings) {
            CHECK(set(backend, base + beginning + "<end", "v").done());
        }
        for (const auto& beginning : beginnings) {
            INFO("prefix ends in " << beginning);
            Keys expected;
            for (const auto& other : beginnings) {
                if (other.starts_with(beginning)) expected.insert(base + other + "<end");
            }
            if (beginning == "\\") expected.insert(base + "\\");
            CHECK(listed(backend, base + beginning) == expected);
        }
        CHECK(listed(backend, base + "*end").empty());
        CHECK(listed(backend, base + "%end").empty());
        CHECK(listed(backend, base + ".*").empty());
    }
    SECTION("upper and lower case are told apart") {
        const auto base = new_key("case");
        CHECK(set(backend, base + "K1", "v").done());
        CHECK(set(backend, base + "k1", "v").done());
        CHECK(listed(backend, base + "k") == Keys{base + "k1"});
        CHECK(listed(backend, base + "K") == Keys{base + "K1"});
    }
    if (backend.capabilities().portable_keys_only) return;
    SECTION("keys with any bytes are listed whole") {
        using namespace std::string_literals;
        const auto base = new_key("bytes");
        const Keys with_nul{base + "\0"s, base + "\0\0"s, base + "\0a"s, base + "\0\xFF"s};
        const Keys others{base,
                          base + "a",
                          base + " ",
                          base + "\n",
                          base + "\x01\xFF\xFE"s,
                          base + "\xFF"s + std::string(1000, 'l')};
        for (const auto& key : with_nul) CHECK(set(backend, key, "v").done());
        for (const auto& key : others) CHECK(set(backend, key, "v").done());
        CHECK(listed(backend, base + "\0"s) == with_nul);
        auto all = with_nul;
        all.insert(others.begin(), others.end());
        CHECK(listed(backend, base) == all);
    }
}

void changes(Backend& backend) {
    SECTION("keys that were removed, replaced or counted are listed as they are") {
        const auto base = new_key("now");
        CHECK(set(backend, base + "removed", "v").done());
        CHECK(set(backend, base + "replaced", "v").done());
        CHECK(set(backend, base + "replaced", "w").done());
        CHECK(add(backend, base + "added", "1").done());
        if (backend.capabilities().atomic_increment) {
            CHECK(increment(backend, base + "added", 1).is(2));
        }
        CHECK(remove(backend, base + "removed").done());
        CHECK(listed(backend, base) == Keys{base + "added", base + "replaced"});
    }
    SECTION("1500 keys are listed, once each where nobody writes") {
        const auto base = new_key("many");
        std::vector<std::string> keys;
        for (int i = 1000; i < 2500; ++i) keys.push_back(base + std::to_string(i));
        std::vector<Entry> entries;
        for (const auto& key : keys) entries.push_back({key, "v", never});
        CHECK(all_done(store_many(backend, Store::set, entries)));
        CHECK(listed(backend, base) == Keys(keys.begin(), keys.end()));
        CHECK(listed(backend, base + "12").size() == 100);
    }
    SECTION("what is removed while it is listed hides nothing else") {
        const auto base = new_key("sweep");
        for (int i = 0; i < 300; ++i) {
            CHECK(set(backend, base + std::to_string(i), "v").done());
        }
        Keys seen;
        int failures = 0;
        Acting removing{[&](std::string_view key) {
            seen.emplace(key);
            if (remove(backend, key).failed()) ++failures;
        }};
        backend.list_keys(base, removing);
        CHECK(seen.size() == 300);
        CHECK(failures == 0);
        CHECK(listed(backend, base).empty());
    }
    SECTION("what is written while keys are listed hides none that was there") {
        const auto base = new_key("grow");
        Keys expected;
        for (int i = 0; i < 100; ++i) expected.insert(base + "old" + std::to_string(i));
        for (const auto& key : expected) CHECK(set(backend, key, "v").done());
        Keys seen;
        int written = 0;
        Acting writing{[&](std::string_view key) {
            seen.emplace(key);
            if (++written > 1000) return;
            CHECK(set(backend, base + "new" + std::to_string(written), "v").done());
        }};
        backend.list_keys(base, writing);
        CHECK(std::ranges::includes(seen, expected));
    }
    SECTION("what the receiver throws ends the listing, and the backend goes on") {
        const auto base = new_key("thrown");
        for (int i = 0; i < 10; ++i) {
            CHECK(set(backend, base + std::to_string(i), "v").done());
        }
        int seen = 0;
        Acting throwing{[&](std::string_view) {
            if (++seen == 3) throw std::runtime_error{"enough"};
        }};
        CHECK_THROWS_WITH(backend.list_keys(base, throwing), "enough");
        CHECK(seen == 3);
        CHECK(listed(backend, base).size() == 10);
        CHECK(set(backend, base + "0", "w").done());
        CHECK(get(backend, base + "0").found("w"));
    }
}

}  // namespace

void listings(Backend& backend) {
    if (!backend.capabilities().lists_keys) return;
    prefixes(backend);
    changes(backend);
}

}  // namespace cachemodel::contract
