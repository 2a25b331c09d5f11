// cachemodel: the contract of caches: what values survive.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

struct Line {
    std::string title;
    std::int32_t pieces = 0;
    bool operator==(const Line&) const = default;
};

struct Order {
    std::int64_t number = 0;
    std::vector<Line> lines;
    std::map<std::string, double> prices;
    std::optional<std::string> note;
    bool operator==(const Order&) const = default;
};

template <class T>
void survives(const Cache& cache, const T& value) {
    CHECK(cache.set("k", value));
    const auto back = cache.get<T>("k");
    REQUIRE(back.found());
    CHECK((*back == value));
    CHECK(cache.erase("k"));
}

template <class T>
void limits_survive(const Cache& cache) {
    survives(cache, std::numeric_limits<T>::min());
    survives(cache, std::numeric_limits<T>::max());
}

/// The failure that an answer has is a `TypeMismatch`.
template <class T>
bool mismatches(const Lookup<T>& answer) {
    if (!answer.failed()) return false;
    try {
        answer.failure().rethrow();
    } catch (const TypeMismatch&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

void types(const Cache& cache) {
    SECTION("every integer comes back, the first and the last of its type too") {
        limits_survive<std::int8_t>(cache);
        limits_survive<std::int16_t>(cache);
        limits_survive<std::int32_t>(cache);
        limits_survive<std::int64_t>(cache);
        limits_survive<std::uint8_t>(cache);
        limits_survive<std::uint16_t>(cache);
        limits_survive<std::uint32_t>(cache);
        limits_survive<std::uint64_t>(cache);
        survives(cache, true);
        survives(cache, false);
    }
    SECTION("plain structs, lists, maps, choices and times come back") {
        survives(cache, 1.345620002);
        survives(cache, "text"s);
        survives(cache, std::vector<std::byte>{std::byte{0}, std::byte{255}});
        survives(cache, std::optional<int>{7});
        survives(cache, std::vector<std::string>{"a", "", "c"});
        survives(cache, std::map<std::string, int>{{"a", 1}, {"b", 2}});
        survives(cache, std::variant<int, std::string>{"second"});
        survives(cache, std::chrono::milliseconds{-1500});
        survives(cache, Order{7, {{"tea", 2}, {"", -1}}, {{"tea", 3.5}}, "soon"});
        survives(cache, Order{});
    }
    SECTION("a number is no text, and text is no number") {
        CHECK(cache.set("i", 2));
        CHECK(cache.set("s", "2"));
        CHECK(mismatches(cache.get<int>("s")));
        CHECK(mismatches(cache.get<std::string>("i")));
        CHECK(*cache.get<std::string>("s") == "2");
        CHECK(*cache.get<int>("i") == 2);
    }
    SECTION("an entry of another type is no miss, and is kept") {
        CHECK(cache.set("k", Order{.number = 7}));
        CHECK(mismatches(cache.get<Line>("k")));
        CHECK(mismatches(cache.get<std::string>("k")));
        CHECK(mismatches(cache.get<int>("k")));
        CHECK_THROWS_AS(cache.get_or("k", 1), TypeMismatch);
        CHECK(cache.get<Order>("k")->number == 7);
    }
    SECTION("a value in the cache does not change with the one it was made from, nor with copies") {
        std::map<std::string, std::string> value{{"foo", "bar"}};
        CHECK(cache.set("k", value));
        value["foo"] = "changed";
        auto copy = cache.get<std::map<std::string, std::string>>("k");
        (*copy)["foo"] = "changed too";
        CHECK((*cache.get<std::map<std::string, std::string>>("k"))["foo"] == "bar");
    }
}

void bytes(const Cache& cache) {
    SECTION("values hold every byte") {
        std::string all;
        for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
        const std::string value = support::repeated(all, 4) + "\0"s;
        CHECK(cache.set("k", value));
        CHECK(*cache.get<std::string>("k") == value);
        CHECK(cache.add("added", value));
        CHECK(*cache.get<std::string>("added") == value);
        const std::map<std::string, std::string> pairs{{"a", value}, {"b", "\xff"}, {"c", "\0"s}};
        for (const auto& outcome : cache.set_many(pairs)) CHECK(outcome.done());
        const auto read = cache.get_many<std::string>({"a", "b", "c"});
        CHECK(*read[0] == value);
        CHECK(*read[1] == "\xff");
        CHECK(*read[2] == "\0"s);
    }
    SECTION("an empty value is a value") {
        CHECK(cache.set("e", ""));
        REQUIRE(cache.get<std::string>("e").found());
        CHECK(cache.get<std::string>("e")->empty());
        CHECK(cache.contains("e"));
        CHECK(cache.get_many<std::string>({"e"})[0].found());
        CHECK(cache.set("b", std::vector<std::byte>{}));
        CHECK(cache.get<std::vector<std::byte>>("b")->empty());
    }
    SECTION("what looks like a protocol is a value, and disturbs nothing") {
        const std::array values{"\r\nEND\r\n"s, "VALUE k 0 1\r\nx\r\n"s, "$-1\r\n"s, "+OK\r\n"s,
                                "STORED\r\n"s,  "-ERR no\r\n"s,          "42"s,      " 5"s};
        for (const auto& value : values) {
            CHECK(cache.set("k", value));
            CHECK(*cache.get<std::string>("k") == value);
            CHECK(*cache.get_many<std::string>({"k", "k2"})[0] == value);
            CHECK(cache.set_raw("r", value));
            CHECK(*cache.get_raw("r") == value);
            CHECK(cache.get<std::string>("another").absent());
        }
    }
    SECTION("random bytes come back") {
        std::mt19937 random{7};
        for (int i = 0; i < 200; ++i) {
            std::string value(random() % 4097, '\0');
            for (char& c : value) c = static_cast<char>(random());
            cache.set("k", value);
            const auto back = cache.get<std::string>("k");
            if (back.found() && *back == value) continue;
            FAIL_CHECK("value " << i << " of " << value.size() << " bytes is another one");
        }
    }
    SECTION("text in any script is kept as it is, also without being UTF-8") {
        const std::array values{
            "I\u00f1t\u00ebrn\u00e2ti\u00f4n\u00e0liz\u00e6ti\u00f8n"s,
            "\U0001f600"s,
            "e\u0301"s,
            "a\0b"s,
            "\xff\xfe\x80"s,
        };
        for (const auto& value : values) {
            CHECK(cache.set("k", value));
            CHECK(*cache.get<std::string>("k") == value);
            CHECK(cache.erase("k"));
            CHECK(cache.add("k", value));
            CHECK(*cache.get<std::string>("k") == value);
        }
    }
    SECTION("a value of 10 MiB comes back, or is refused and leaves nothing behind") {
        const std::string large = support::repeated("0123456789abcdef", (10 << 20) / 16);
        CHECK(cache.set("k", "small"));
        CHECK(cache.set("other", "small"));
        if (cache.capabilities().largest_value > large.size() + 1000) {
            CHECK(cache.set("k", large));
            CHECK(*cache.get<std::string>("k") == large);
            return;
        }
        CHECK_THROWS_AS(cache.add("k", large), ValueTooLarge);
        CHECK(*cache.get<std::string>("k") == "small");
        CHECK_THROWS_AS(cache.add("new", large), ValueTooLarge);
        CHECK_FALSE(cache.contains("new"));
        CHECK_THROWS_AS(cache.set("k", large), ValueTooLarge);
        CHECK(cache.get<std::string>("k").absent());

        // Among many it is a failure of its own key.
        CHECK(cache.set("big", "small"));
        const std::vector<std::pair<std::string, std::string>> pairs{{"big", large}, {"ok", "1"}};
        const auto outcomes = cache.set_many(pairs);
        REQUIRE(outcomes[0].failed());
        CHECK(outcomes[0].failure().fault() == BackendFault::value_too_large);
        CHECK(outcomes[1].done());
        CHECK(cache.get<std::string>("big").absent());
        CHECK(*cache.get<std::string>("ok") == "1");
        CHECK(*cache.get<std::string>("other") == "small");
    }
}

}  // namespace cachemodel::contract::of_caches
