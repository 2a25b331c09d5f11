// cachemodel: many values in one call of a cache: ranges, duplicates, partial failures, trips.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Keys = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, int>>;

namespace {

struct Fixture {
    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>();
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(backend);
    Cache cache{recording, {.key_prefix = "p", .version = 3}};
};

std::size_t done(const std::vector<Outcome>& outcomes) {
    return static_cast<std::size_t>(std::ranges::count_if(outcomes, &Outcome::done));
}

/// The words of a text, which can be passed through once.
class Words {
 public:
    explicit Words(const std::string& text) : stream_(text) {}
    std::istream_iterator<std::string> begin() {
        return std::istream_iterator<std::string>{stream_};
    }
    std::istream_iterator<std::string> end() const { return {}; }

 private:
    std::istringstream stream_;
};

/// The numbers from zero under their names, and their squares, made while they are passed.
class Numbers {
 public:
    explicit Numbers(int count) : count_(count) {}
    struct Iterator {
        int number;
        std::pair<std::string, int> operator*() const {
            return {std::to_string(number), number * number};
        }
        Iterator& operator++() {
            ++number;
            return *this;
        }
        bool operator==(const Iterator&) const = default;
    };
    Iterator begin() const { return {0}; }
    Iterator end() const { return {count_}; }

 private:
    int count_;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "calls on no keys make no trip", "[cache][many]") {
    CHECK(cache.get_many<int>(Keys{}).empty());
    CHECK(cache.set_many(Pairs{}).empty());
    CHECK(cache.set_many(Pairs{}, 0s).empty());
    CHECK(cache.add_many(Pairs{}).empty());
    CHECK(cache.add_many(Pairs{}, never).empty());
    CHECK(cache.delete_many(Keys{}).empty());
    CHECK(recording->log().calls().empty());
    CHECK(cache.statistics().round_trips == 0);
}

TEST_CASE_METHOD(Fixture, "a call on many keys is one trip, in which each key stands once",
                 "[cache][many]") {
    CHECK(done(cache.set_many(Pairs{{"a", 1}, {"b", 2}})) == 2);
    CHECK(recording->log().trips() == 1);
    recording->log().reset();

    const auto read = cache.get_many<int>({"b", "x", "a", "b", "a", "a", "x"});
    CHECK(recording->log().trips() == 1);
    REQUIRE(recording->log().calls().size() == 1);
    CHECK(recording->log().calls()[0].keys.size() == 3);
    CHECK(recording->log().keys_read() == Keys{"p:3:a", "p:3:b", "p:3:x"});
    REQUIRE(read.size() == 7);
    CHECK(*read[0] == 2);
    CHECK(read[1].absent());
    CHECK(*read[2] == 1);
    CHECK(*read[3] == 2);
    CHECK(*read[4] == 1);
    CHECK(*read[5] == 1);
    CHECK(read[6].absent());

    backend->fail_keys("*b");
    const auto failing = cache.get_many<int>({"b", "a", "b"});
    CHECK(failing[0].failed());
    CHECK(*failing[1] == 1);
    CHECK(failing[2].failed());
    backend->come_back();

    recording->log().reset();
    CHECK(done(cache.delete_many({"a", "x"})) == 1);
    CHECK(recording->log().trips() == 1);
}

TEST_CASE_METHOD(Fixture, "a range is passed through once, whatever it is", "[cache][many]") {
    CHECK(done(cache.set_many(std::map<std::string, int>{{"a", 1}, {"b", 2}, {"c", 3}})) == 3);
    CHECK(*cache.get_many<int>(Words{"a b c"})[2] == 3);
    CHECK(*cache.get_many<int>(std::set<std::string>{"b", "a"})[1] == 2);
    CHECK(*cache.get_many<int>(std::list<std::string_view>{"c"})[0] == 3);
    const std::array<const char*, 2> literals{"b", "c"};
    CHECK(*cache.get_many<int>(literals)[0] == 2);
    CHECK(*cache.get_many<int>(std::span{literals})[1] == 3);
    CHECK(done(cache.delete_many(Words{"a b"})) == 2);
    CHECK(done(cache.delete_many(literals)) == 1);

    CHECK(done(cache.set_many<int>({{"braced", 1}}, 60s)) == 1);
    CHECK(backend->lifetime_left("p:3:braced") <= Lifetime{60s});
    CHECK(done(cache.add_many<int>({{"braced", 2}, {"list", 3}})) == 1);
    CHECK(done(cache.add_many<int>({{"braced", 2}, {"another", 3}}, 60s)) == 1);
    CHECK(backend->lifetime_left("p:3:another") <= Lifetime{60s});
    CHECK(done(cache.set_many(std::span<const std::pair<std::string, int>>{})) == 0);
    CHECK(done(cache.set_many(Numbers{3})) == 3);
    CHECK(done(cache.add_many(Numbers{4})) == 1);
    CHECK(*cache.get<int>("2") == 4);
}

TEST_CASE_METHOD(Fixture, "what is given is not changed", "[cache][many]") {
    const Pairs pairs{{"a", 1}, {"b", 2}};
    const Keys keys{"a", "b"};
    CHECK(done(cache.set_many(pairs)) == 2);
    CHECK(done(cache.add_many(pairs)) == 0);
    CHECK(*cache.get_many<int>(keys)[1] == 2);
    CHECK(done(cache.delete_many(keys)) == 2);
    CHECK(pairs == Pairs{{"a", 1}, {"b", 2}});
    CHECK(keys == Keys{"a", "b"});
}

TEST_CASE_METHOD(Fixture, "of two values under one key the last one stays", "[cache][many]") {
    CHECK(done(cache.set_many(Pairs{{"k", 1}, {"k", 2}})) == 2);
    CHECK(*cache.get<int>("k") == 2);
    CHECK(backend->keys() == Keys{"p:3:k"});
    CHECK(done(cache.add_many(Pairs{{"j", 1}, {"j", 2}})) == 1);
    CHECK(*cache.get<int>("j") == 1);
}

TEST_CASE_METHOD(Fixture, "a value that fails does so alone", "[cache][many][failure]") {
    backend->capabilities_to_claim().largest_value = 200;
    CHECK(cache.set("big", "old"));
    const std::map<std::string, std::string> pairs{{"big", std::string(1000, 'x')}, {"ok", "1"}};
    const auto outcomes = cache.set_many(pairs);
    REQUIRE(outcomes.size() == 2);
    REQUIRE(outcomes[0].failed());
    CHECK(outcomes[0].failure().fault() == BackendFault::value_too_large);
    CHECK_THROWS_AS(outcomes[0].failure().rethrow(), ValueTooLarge);
    CHECK(outcomes[1].done());
    CHECK(cache.get<std::string>("big").absent());
    CHECK(*cache.get<std::string>("ok") == "1");

    backend->fail_keys("*ok");
    CHECK(cache.set_many(Pairs{{"ok", 1}, {"fine", 2}})[0].failed());
    CHECK(cache.get_many<int>({"ok", "fine"})[0].failed());
    CHECK(*cache.get_many<int>({"ok", "fine"})[1] == 2);
    const auto removed = cache.delete_many({"ok", "fine", "none"});
    CHECK(removed[0].failed());
    CHECK(removed[1].done());
    CHECK(removed[2].declined());
}

TEST_CASE_METHOD(Fixture, "one key that is not allowed among many, and nothing is sent",
                 "[cache][many][keys]") {
    backend->capabilities_to_claim().portable_keys_only = true;
    const Pairs pairs{{"ok", 1}, {"bad key", 2}};
    CHECK_THROWS_AS((void)cache.set_many(pairs), InvalidKey);
    CHECK_THROWS_AS((void)cache.set_many(pairs, 0s), InvalidKey);
    CHECK_THROWS_AS((void)cache.add_many(pairs), InvalidKey);
    CHECK_THROWS_AS((void)cache.add_many(pairs, 0s), InvalidKey);
    CHECK_THROWS_AS((void)cache.get_many<int>({"ok", "bad key"}), InvalidKey);
    CHECK_THROWS_AS((void)cache.delete_many({"ok", "bad key"}), InvalidKey);
    CHECK(recording->log().calls().empty());
}

TEST_CASE_METHOD(Fixture, "many with a lifetime that is over are removed", "[cache][many]") {
    CHECK(cache.set("a", "old"));
    CHECK(done(cache.set_many(Pairs{{"a", 1}, {"b", 2}}, 0s)) == 2);
    CHECK(backend->keys().empty());
    CHECK(cache.set("a", "old"));
    const auto added = cache.add_many(Pairs{{"a", 1}, {"b", 2}}, -1s);
    CHECK(added[0].declined());
    CHECK(added[1].done());
    CHECK(backend->keys() == Keys{"p:3:a"});
}

TEST_CASE("keys that a key function makes one are read once, and each is answered",
          "[cache][many]") {
    const auto lower_case = [](std::string_view, std::uint32_t, std::string_view key) {
        std::string final_key{key};
        for (char& c : final_key)
            c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return final_key;
    };
    const auto backend =
        std::make_shared<testing::RecordingBackend>(std::make_shared<testing::ScriptedBackend>());
    const Cache cache{backend, {.key_function = lower_case}};
    REQUIRE(cache.set("b", 2));
    const auto read = cache.get_many<int>({"B", "x", "b"});
    CHECK(*read[0] == 2);
    CHECK(read[1].absent());
    CHECK(*read[2] == 2);
    CHECK(backend->log().keys_read() == Keys{"b", "x"});
}

TEST_CASE("a hundred thousand keys are one call", "[cache][many]") {
    const Cache cache = Cache::open("memory://?max_bytes=256MiB");
    constexpr int many = 100'000;
    Pairs pairs;
    Keys keys;
    for (int i = 0; i < many; ++i) {
        keys.push_back("key" + std::to_string(i));
        pairs.emplace_back(keys.back(), i);
    }
    CHECK(done(cache.set_many(pairs)) == many);
    const auto read = cache.get_many<int>(keys);
    int wrong = 0;
    for (int i = 0; i < many; ++i) {
        const auto& each = read[static_cast<std::size_t>(i)];
        if (!each.found() || *each != i) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(done(cache.delete_many(keys)) == many);
    CHECK(cache.get_many<int>(keys)[many - 1].absent());
    CHECK(cache.statistics().round_trips == 4);
}

TEST_CASE("pairs can be written where they are stored", "[cache][many]") {
    const Cache cache{std::make_shared<MemoryBackend>()};
    const auto outcomes = cache.set_many<int>({{"a", 1}, {"b", 2}});
    CHECK(outcomes.size() == 2);
    CHECK(*cache.get<int>("b") == 2);
}
