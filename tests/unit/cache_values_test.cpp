// cachemodel: values under keys: their types, what they are stored as, and what else is read there.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/json.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <clocale>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::Contains;

namespace {

enum class Colour : std::uint8_t { red, green };

struct Address {
    std::string street;
    std::optional<std::string> city;
    bool operator==(const Address&) const = default;
};

struct Person {
    std::string name;
    std::vector<Address> addresses;
    std::map<std::string, std::int64_t> scores;
    bool operator==(const Person&) const = default;
};

struct Before {
    int a = 1;
};
struct After {
    int a = 1;
    int b = 2;
};
struct Unlike {
    int c = 3;
    int d = 4;
};
struct Retyped {
    std::string a;
};

/// No aggregate; its converters do what a test tells them.
class Converted {
 public:
    Converted() = default;
    explicit Converted(int number) : number_(number) {}

    friend void to_json(nlohmann::json& json, const Converted& value) {
        if (value.number_ < 0) throw std::domain_error{"no negative numbers"};
        if (reenters) (void)reenters->get<int>("another");
        json = value.number_;
    }
    friend void from_json(const nlohmann::json& json, Converted& value) {
        value.number_ = json.get<int>();
        if (value.number_ == 13) throw std::domain_error{"not this one"};
    }

    int number() const { return number_; }
    static inline const Cache* reenters = nullptr;

 private:
    int number_ = 0;
};

struct Fixture {
    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>();
    Cache cache{backend};

    template <class T>
    void survives(const T& value) {
        CHECK(cache.set("k", value));
        const auto back = cache.get<T>("k");
        REQUIRE(back.found());
        CHECK((*back == value));
    }
    template <class T>
    void limits_survive() {
        survives(std::numeric_limits<T>::min());
        survives(std::numeric_limits<T>::max());
        survives(T{0});
    }
};

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

TEST_CASE_METHOD(Fixture, "every integer type keeps its limits", "[cache][values]") {
    limits_survive<signed char>();
    limits_survive<unsigned char>();
    limits_survive<char>();
    limits_survive<short>();
    limits_survive<unsigned short>();
    limits_survive<int>();
    limits_survive<unsigned>();
    limits_survive<long>();
    limits_survive<unsigned long>();
    limits_survive<long long>();
    limits_survive<unsigned long long>();
    survives(true);
    survives(false);
    survives(Colour::green);
}

TEST_CASE_METHOD(Fixture, "integers are stored as bare decimal text, all else in an envelope",
                 "[cache][values]") {
    const auto stored = [&](const auto& value) {
        CHECK(cache.set("k", value));
        return backend->stored(":1:k").value();
    };
    CHECK(stored(42) == "42");
    CHECK(stored(-5) == "-5");
    CHECK(stored('A') == "65");
    CHECK(stored(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(stored(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(stored(std::optional<int>{7}) == "7");
    CHECK(stored(std::optional<std::optional<int>>{std::optional<int>{8}}) == "8");
    CHECK(stored(true).starts_with('\xca'));
    CHECK(stored(Colour::green).starts_with('\xca'));
    CHECK(stored("42").starts_with('\xca'));
    CHECK(stored(1.0).starts_with('\xca'));
    CHECK(stored(nullptr).starts_with('\xca'));
    CHECK(stored(std::optional<int>{}).starts_with('\xca'));
    CHECK(stored(std::nullopt).starts_with('\xca'));
    CHECK(stored("").starts_with('\xca'));
    CHECK(stored(5s).starts_with('\xca'));
}

TEST_CASE_METHOD(Fixture, "an integer is read into every type that it fits", "[cache][values]") {
    CHECK(cache.set("k", 200));
    CHECK(*cache.get<std::uint8_t>("k") == 200);
    CHECK(*cache.get<std::int64_t>("k") == 200);
    CHECK(*cache.get<std::optional<unsigned>>("k") == 200U);
    CHECK(mismatches(cache.get<std::int8_t>("k")));
    CHECK(mismatches(cache.get<std::optional<std::int8_t>>("k")));
    CHECK(mismatches(cache.get<double>("k")));
    CHECK(mismatches(cache.get<bool>("k")));
    CHECK(*cache.get<Colour>("k") == Colour{200});
    CHECK(mismatches(cache.get<std::string>("k")));
    CHECK(cache.set("k", -1));
    CHECK(mismatches(cache.get<Colour>("k")));
    CHECK(mismatches(cache.get<unsigned>("k")));
    CHECK(mismatches(cache.get<std::uint64_t>("k")));
    CHECK(*cache.get<std::int8_t>("k") == -1);
    CHECK(cache.set("k", -129));
    CHECK(mismatches(cache.get<std::int8_t>("k")));
    CHECK(cache.set("k", std::uint64_t{1} << 63));
    CHECK(mismatches(cache.get<std::int64_t>("k")));
    CHECK(*cache.get<std::uint64_t>("k") == 9'223'372'036'854'775'808ULL);
    backend->plant(":1:k", "18446744073709551616");
    CHECK(mismatches(cache.get<std::uint64_t>("k")));
    backend->plant(":1:k", "9 ");  // as memcached pads a counter that lost a digit
    CHECK(*cache.get<int>("k") == 9);
}

TEST_CASE_METHOD(Fixture, "doubles come back bit by bit", "[cache][values]") {
    using Limits = std::numeric_limits<double>;
    for (const double value :
         {1.345620002, 0.1, 0.0, -0.0, Limits::denorm_min(), -Limits::denorm_min(), Limits::min(),
          Limits::max(), Limits::lowest(), Limits::epsilon(), Limits::infinity(),
          -Limits::infinity()}) {
        CHECK(cache.set("k", value));
        CHECK(std::bit_cast<std::uint64_t>(*cache.get<double>("k")) ==
              std::bit_cast<std::uint64_t>(value));
    }
    CHECK(cache.set("k", Limits::quiet_NaN()));
    const double nan = *cache.get<double>("k");
    CHECK(nan != nan);
    CHECK(cache.set("k", 0.1F));
    CHECK(*cache.get<float>("k") == 0.1F);
    CHECK(cache.set("k", std::vector<double>{-0.0, 1.5}));
    CHECK(std::signbit((*cache.get<std::vector<double>>("k"))[0]));
}

TEST_CASE_METHOD(Fixture, "a locale with a decimal comma changes no value", "[cache][values]") {
    struct Restored {
        std::string before = std::setlocale(LC_ALL, nullptr);
        ~Restored() { std::setlocale(LC_ALL, before.c_str()); }
    } const restored;
    for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "C.UTF-8"}) {
        if (std::setlocale(LC_ALL, name)) break;
    }
    survives(1234567.125);
    survives(std::int64_t{1'234'567});
    CHECK(*backend->stored(":1:k") == "1234567");
    CHECK((Cache::open("null://?timeout=1.5").timeout() == Lifetime{1500ms}));
}

TEST_CASE_METHOD(Fixture, "text in every form is a std::string", "[cache][values]") {
    const std::string text = "a\0b"s;
    CHECK(cache.set("k", "literal"));
    CHECK(*cache.get<std::string>("k") == "literal");
    const char* const pointer = "pointer";
    CHECK(cache.set("k", pointer));
    CHECK(*cache.get<std::string>("k") == "pointer");
    CHECK(cache.set("k", std::string_view{text}));
    CHECK(*cache.get<std::string>("k") == text);
    CHECK(cache.set("k", text));
    CHECK(*cache.get<std::string>("k") == text);
    const std::map<std::string, const char*> pairs{{"k", "of a map"}};
    CHECK(cache.set_many(pairs)[0].done());
    CHECK(*cache.get<std::string>("k") == "of a map");
    static_assert(std::is_same_v<decltype(cache.get_or("k", "x")), std::string>);
    static_assert(std::is_same_v<decltype(cache.get_or("k", std::string_view{})), std::string>);
    static_assert(std::is_same_v<decltype(cache.get_or_set("k", "x")), std::string>);
    static_assert(std::is_same_v<decltype(cache.get_or("k", 1)), int>);
    const int fallback = 5;
    int other_fallback = 6;
    CHECK(cache.get_or<int>("absent", fallback) == 5);
    CHECK(cache.get_or<std::int64_t>("absent", other_fallback) == 6);
    CHECK(cache.get_or("absent", other_fallback) == 6);
}

TEST_CASE_METHOD(Fixture, "structs, containers, choices, bytes and times come back",
                 "[cache][values]") {
    survives(Person{"Ada", {{"First Street", "London"}, {"", std::nullopt}}, {{"chess", -1}}});
    survives(Person{});
    survives(std::vector<bool>{true, false});
    survives(std::set<int>{3, 1, 2});
    survives(std::array<int, 3>{1, 2, 3});
    survives(std::pair<int, std::string>{1, "one"});
    survives(std::tuple<int, bool, std::string>{1, true, "x"});
    survives(std::variant<std::monostate, int, std::string>{});
    survives(std::variant<std::monostate, int, std::string>{"text"});
    survives(std::optional<std::vector<int>>{std::vector<int>{}});
    survives(std::optional<std::string>{});
    survives(std::vector<std::byte>(1000, std::byte{0xff}));
    survives(std::map<int, std::map<int, int>>{{1, {{2, 3}}}});
    survives(std::chrono::system_clock::time_point{1500ms});
    survives(std::chrono::hours{-3});
    survives(std::vector<std::optional<int>>{1, std::nullopt});
}

TEST_CASE_METHOD(Fixture, "an entry of another type is a failure that names key and type",
                 "[cache][values]") {
    CHECK(cache.set("a\nkey", Person{"secret", {}, {}}));
    const auto address = cache.get<Address>("a\nkey");
    CHECK(mismatches(address));
    CHECK_FALSE(address.failure().fault().has_value());
    CHECK_THAT(address.failure().message(), Contains(R"(the entry "a\x0akey" is no )"));
    CHECK_THAT(address.failure().message(), Contains("Address"));
    CHECK_THAT(address.failure().message(), !Contains("secret"));
    CHECK_THROWS_AS(*address, TypeMismatch);
    CHECK_THROWS_AS(cache.get_or("a\nkey", Address{}), TypeMismatch);
    CHECK(address.value_or(Address{"else", {}}).street == "else");
    CHECK(cache.get<Person>("a\nkey").found());
    CHECK(cache.statistics().type_mismatches == 2);
    CHECK(cache.statistics().misses() == 0);
}

TEST_CASE("an entry of another type is a miss where the cache is told so", "[cache][values]") {
    const Cache cache{std::make_shared<MemoryBackend>(), {.mismatch_is_miss = true}};
    CHECK(cache.set("k", "text"));
    CHECK(cache.get<int>("k").absent());
    CHECK(cache.get<int>("k").reason() == MissReason::undecodable);
    CHECK(cache.get_or("k", 3) == 3);
    CHECK(*cache.get<std::string>("k") == "text");
    CHECK(cache.statistics().type_mismatches == 3);
    CHECK(cache.get_or_set("k", 4) == 4);
    CHECK(*cache.get<int>("k") == 4);
    CHECK(Cache::open("memory://?mismatch_is_miss=true").set("k", "text"));
}

TEST_CASE_METHOD(Fixture, "a struct that gained a member finds nothing; one that lost one does",
                 "[cache][values]") {
    CHECK(cache.set("k", Before{7}));
    CHECK(cache.get<After>("k").absent());
    CHECK(cache.get<After>("k").reason() == MissReason::member_absent);
    CHECK(mismatches(cache.get<Unlike>("k")));
    CHECK(mismatches(cache.get<Retyped>("k")));
    CHECK(cache.get_or_set("k", After{8, 9}).b == 9);
    CHECK(cache.get<Before>("k")->a == 8);
}

TEST_CASE_METHOD(Fixture, "what is no entry of a value is a miss that says why",
                 "[cache][values]") {
    CHECK(cache.set("other", "value"));
    const std::string entry = backend->stored(":1:other").value();
    const auto reason = [&](std::string bytes) {
        backend->plant(":1:k", std::move(bytes));
        const auto answer = cache.get<std::string>("k");
        REQUIRE(answer.absent());
        return answer.reason();
    };
    CHECK(reason(entry) == MissReason::other_key);
    CHECK(reason("<html>") == MissReason::foreign);
    CHECK(reason("") == MissReason::foreign);
    CHECK(reason(" 5") == MissReason::foreign);
    CHECK(reason("+5") == MissReason::foreign);
    CHECK(reason("-") == MissReason::foreign);
    CHECK(reason("5x") == MissReason::foreign);
    for (std::size_t length = 1; length < entry.size(); ++length) {
        backend->plant(":1:other", entry.substr(0, length));
        CHECK(cache.get<std::string>("other").absent());
    }
    for (std::size_t i = 0; i < entry.size(); ++i) {
        std::string changed = entry;
        changed[i] = static_cast<char>(changed[i] ^ 0x10);
        backend->plant(":1:other", changed);
        CHECK(cache.get<std::string>("other").absent());
    }
    // Nor is it one when the entry was copied to another version.
    backend->plant(":2:other", entry);
    CHECK(cache.with_version(2).get<std::string>("other").reason() == MissReason::other_key);
    CHECK(cache.statistics().hits == 0);
}

TEST_CASE_METHOD(Fixture, "a converter that throws leaves the old value", "[cache][values]") {
    CHECK(cache.set("k", "old"));
    CHECK_THROWS_WITH(cache.set("k", Converted{-1}), "no negative numbers");
    CHECK_THROWS_WITH(cache.set("k", Converted{-1}, 0s), "no negative numbers");
    CHECK_THROWS_WITH(cache.add("new", Converted{-1}), "no negative numbers");
    const std::vector<std::pair<std::string, Converted>> pairs{{"fine", Converted{1}},
                                                               {"k", Converted{-1}}};
    CHECK_THROWS_WITH((void)cache.set_many(pairs), "no negative numbers");
    CHECK_THROWS_WITH((void)cache.add_many(pairs), "no negative numbers");
    CHECK(*cache.get<std::string>("k") == "old");
    CHECK(backend->keys() == std::vector<std::string>{":1:k"});
    CHECK(cache.set("k", Converted{1}));
    CHECK(cache.get<Converted>("k")->number() == 1);
}

TEST_CASE_METHOD(Fixture, "a converter that refuses an entry says that it is of another type",
                 "[cache][values]") {
    CHECK(cache.set("k", Converted{13}));
    CHECK(mismatches(cache.get<Converted>("k")));
    CHECK(cache.set("k", Converted{12}));
    CHECK(cache.get<Converted>("k").found());
}

TEST_CASE("a converter may use the cache that it is called by", "[cache][values]") {
    const Cache cache = Cache::open("memory://?shards=1");
    struct Reset {
        ~Reset() { Converted::reenters = nullptr; }
    } const reset;
    Converted::reenters = &cache;
    CHECK(cache.set("another", 1));
    CHECK(cache.set("k", Converted{2}));
    CHECK(cache.get<Converted>("k")->number() == 2);
    CHECK(cache.get_or_set("made", [] { return Converted{3}; }).number() == 3);
}

TEST_CASE_METHOD(Fixture, "raw bytes and values do not mix", "[cache][values]") {
    CHECK(cache.set_raw("r", "\xca\xfe", 1h));
    CHECK(*backend->stored(":1:r") == "\xca\xfe");
    CHECK(*cache.get_raw("r") == "\xca\xfe");
    CHECK(cache.get<std::string>("r").absent());
    CHECK_FALSE(cache.contains("r"));
    CHECK(cache.set_raw("n", "41"));
    CHECK(cache.incr("n") == 42);
    CHECK(*cache.get_raw("n") == "42");
    CHECK(cache.set_raw("n", "x", 0s));
    CHECK(cache.get_raw("n").absent());
    CHECK(cache.set("v", "text"));
    CHECK(*cache.get_raw("v") == *backend->stored(":1:v"));
}

TEST_CASE_METHOD(Fixture, "ten thousand random values come back", "[cache][values]") {
    std::uint32_t state = 7;
    const auto random = [&] { return (state = state * 1'664'525 + 1'013'904'223) >> 8; };
    std::size_t wrong = 0;
    for (int i = 0; i < 10'000; ++i) {
        std::string value(random() % 4097, '\0');
        for (std::size_t at = 0; at < value.size(); at += 3) {
            value[at] = static_cast<char>(random());
        }
        cache.set("k", value);
        const auto back = cache.get<std::string>("k");
        if (!back.found() || *back != value) ++wrong;
    }
    CHECK(wrong == 0);
}
