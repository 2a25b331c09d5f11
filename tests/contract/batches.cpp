// cachemodel: the contract of backends: many keys in one call.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::contract {

using namespace support;
using namespace std::chrono_literals;

void batches(Backend& backend) {
    SECTION("a call without keys does nothing") {
        CHECK(get_many(backend, {}).empty());
        CHECK(store_many(backend, Store::set, {}).empty());
        CHECK(remove_many(backend, {}).empty());
        backend.touch_many({}, 1h, {});
    }
    SECTION("every key of a read is answered once, in its own place") {
        const auto there = new_key("there");
        const auto empty = new_key("there_and_empty");
        CHECK(set(backend, there, "1").done());
        CHECK(set(backend, empty, "").done());
        const auto reads =
            get_many(backend, {new_key("no"), there, new_key("no"), empty, new_key("no")});
        CHECK(reads[0].absent());
        CHECK(reads[1].found("1"));
        CHECK(reads[2].absent());
        CHECK(reads[3].found(""));
        CHECK(reads[4].absent());
    }
    SECTION("a key asked for twice is answered twice") {
        const auto key = new_key("twice");
        const auto missing = new_key("missing");
        CHECK(set(backend, key, "value").done());
        const auto reads = get_many(backend, {key, missing, key, missing, key});
        CHECK(reads[0].found("value"));
        CHECK(reads[1].absent());
        CHECK(reads[2].found("value"));
        CHECK(reads[3].absent());
        CHECK(reads[4].found("value"));
    }
    SECTION("peeking answers as reading does") {
        const auto there = new_key("there");
        const auto empty = new_key("empty");
        const auto missing = new_key("missing");
        CHECK(peek_many(backend, {}).empty());
        CHECK(set(backend, there, "1").done());
        CHECK(set(backend, empty, "").done());
        const auto peeks = peek_many(backend, {missing, there, empty, there, missing});
        CHECK(peeks[0].absent());
        CHECK(peeks[1].found("1"));
        CHECK(peeks[2].found(""));
        CHECK(peeks[3].found("1"));
        CHECK(peeks[4].absent());
        CHECK(peeks[1].token == get(backend, there).token);
        CHECK(remove(backend, there).done());
        CHECK(peek(backend, there).absent());
    }
    SECTION("of two entries under one key the last one stays") {
        const auto key = new_key("double");
        const auto other = new_key("other");
        const auto outcomes =
            store_many(backend, Store::set,
                       {{key, "first", never}, {other, "between", never}, {key, "last", never}});
        CHECK(all_done(outcomes));
        CHECK(get(backend, key).found("last"));
        CHECK(get(backend, other).found("between"));
    }
    SECTION("of two additions under one key the first one stays") {
        const auto key = new_key("double");
        const auto outcomes =
            store_many(backend, Store::add, {{key, "first", never}, {key, "last", never}});
        CHECK(outcomes[0].done());
        CHECK(outcomes[1].declined());
        CHECK(get(backend, key).found("first"));
    }
    SECTION("each key of a writing call has its own outcome") {
        const auto present = new_key("present");
        const auto absent = new_key("absent");
        const auto fresh = new_key("fresh");
        CHECK(set(backend, present, "old").done());
        const auto added =
            store_many(backend, Store::add, {{fresh, "new", never}, {present, "new", never}});
        CHECK(added[0].done());
        CHECK(added[1].declined());
        CHECK(get(backend, present).found("old"));

        const std::vector<std::string_view> keys{absent, present, absent};
        std::vector<Outcome> touched(3, Failure{BackendFault::protocol, "unanswered"});
        backend.touch_many(keys, 1h, touched);
        CHECK(touched[0].declined());
        CHECK(touched[1].done());
        CHECK(touched[2].declined());

        const auto removed = remove_many(backend, {absent, present, fresh, present});
        CHECK(removed[0].declined());
        CHECK(removed[1].done());
        CHECK(removed[2].done());
        CHECK(removed[3].declined());
        CHECK(get(backend, present).absent());
        CHECK(get(backend, fresh).absent());
    }
    SECTION("1500 keys in one call are 1500 answers") {
        std::vector<std::string> names;
        std::vector<std::string> values;
        for (int i = 0; i < 1500; ++i) {
            names.push_back(new_key("many"));
            values.push_back("value number " + std::to_string(i));
        }
        std::vector<Entry> entries;
        for (std::size_t i = 0; i < names.size(); i += 2) {
            entries.push_back({names[i], values[i], never});
        }
        CHECK(all_done(store_many(backend, Store::set, entries)));
        const auto reads = get_many(backend, names);
        int wrong = 0;
        for (std::size_t i = 0; i < names.size(); ++i) {
            const bool right = i % 2 == 0 ? reads[i].found(values[i]) : reads[i].absent();
            if (!right) ++wrong;
        }
        CHECK(wrong == 0);
        const auto removed = remove_many(backend, names);
        CHECK(std::ranges::count_if(removed, &Outcome::done) == 750);
        CHECK(std::ranges::count_if(removed, &Outcome::declined) == 750);
        CHECK(std::ranges::count_if(get_many(backend, names), &Read::absent) == 1500);
    }
}

}  // namespace cachemodel::contract
