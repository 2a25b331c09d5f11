// cachemodel: values of every type that a member may have, to CBOR and back.
// SPDX-License-Identifier: MIT
#include "support/codec.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/small_stack.hpp"

#include <cachemodel/detail/codec.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/model.hpp>

#include <boost/container/flat_set.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using cachemodel::support::decoded;
using cachemodel::support::encoded;
using cachemodel::support::from;
using cachemodel::support::from_hex;
using cachemodel::support::on_a_small_stack;
using cachemodel::support::repeated;
using cachemodel::support::to_hex;

namespace {

/// Writes `value`, expects these digits, expects a stranger to be able to read them, reads them
/// back, and writes what was read once more.
template <class T>
T round_trip(const T& value, std::string_view digits) {
    const std::string bytes = encoded(value);
    CAPTURE(digits);
    CHECK(to_hex(bytes) == to_hex(from_hex(digits)));
    CHECK_NOTHROW(nlohmann::json::from_cbor(bytes));
    auto back = decoded<T>(bytes);
    REQUIRE(back);
    CHECK(to_hex(encoded(*back)) == to_hex(bytes));
    return std::move(*back);
}

template <class T>
void survives(const T& value, std::string_view digits) {
    CHECK((round_trip(value, digits) == value));  // not taken apart: that costs time to build
}

/// The same for numbers, bit by bit.
template <class Bits, class T>
void survives_bitwise(const T& value, std::string_view digits) {
    CHECK(std::bit_cast<Bits>(round_trip(value, digits)) == std::bit_cast<Bits>(value));
}

enum class Level : std::int8_t { low = -128, high = 127 };
enum class Wide : std::uint64_t { none, all = 18'446'744'073'709'551'615U };
enum class Switch : bool { off, on };
enum Plain { red, green = 7 };

struct Place {
    std::string street;
    std::optional<int> number;

    auto operator<=>(const Place&) const = default;
};

struct Nothing {
    bool operator==(const Nothing&) const = default;
};

struct Tree {
    int value = 0;
    std::vector<Tree> children;

    bool operator==(const Tree&) const = default;
};

struct Forest {
    std::map<int, Forest> trees;

    bool operator==(const Forest&) const = default;
};

/// Members with initializers of every kind, in a Field or not.
struct Home {
    std::string name = "home";
    Field<int> floor = 3;
    Field<Place> place;
    Field<std::vector<std::string>> tags = {"a"};
    std::map<int, std::string> rooms = {{1, "x"}};

    bool operator==(const Home&) const = default;
};

struct Renamed {
    static constexpr WireNames wire_names{{"email", "mail"}};
    std::string email;
    std::string mail_2;

    bool operator==(const Renamed&) const = default;
};

struct LongNames {
    int a_name_of_twenty_three_1 = 1;
    int a_name_of_twenty_four_22 = 2;

    bool operator==(const LongNames&) const = default;
};

/// A tree of so many levels that has one node on each.
Tree tall_tree(int levels) {
    Tree tree;
    for (int i = 1; i < levels; ++i) {
        Tree parent;
        parent.children.push_back(std::move(tree));
        tree = std::move(parent);
    }
    return tree;
}

}  // namespace

// ---- numbers

TEST_CASE("truth values and integers of every width survive to their extremes", "[codec][unit]") {
    survives(false, "f4");
    survives(true, "f5");
    survives('a', "1861");
    survives(std::int8_t{-128}, "387f");
    survives(std::int8_t{127}, "187f");
    survives(std::uint8_t{255}, "18ff");
    survives(std::int16_t{-32'768}, "397fff");
    survives(std::int16_t{32'767}, "197fff");
    survives(std::uint16_t{65'535}, "19ffff");
    survives(std::numeric_limits<std::int32_t>::min(), "3a7fffffff");
    survives(2'147'483'647, "1a7fffffff");
    survives(4'294'967'295U, "1affffffff");
    survives(std::numeric_limits<std::int64_t>::min(), "3b7fffffffffffffff");
    survives(std::int64_t{9'223'372'036'854'775'807}, "1b7fffffffffffffff");
    survives(std::uint64_t{18'446'744'073'709'551'615U}, "1bffffffffffffffff");
    survives(std::numeric_limits<long long>::min(), "3b7fffffffffffffff");
    survives(char16_t{0xffff}, "19ffff");
    survives(U'\U0010ffff', "1a0010ffff");
    survives(std::byte{0x80}, "1880");
}

TEST_CASE("an integer is read as any type that holds it, and as no other", "[codec][unit]") {
    CHECK(decoded<std::int8_t>(encoded(std::uint64_t{127})) == std::int8_t{127});
    CHECK_FALSE(decoded<std::int8_t>(encoded(std::uint64_t{128})));
    CHECK(decoded<std::uint64_t>(encoded(std::int8_t{127})) == std::uint64_t{127});
    CHECK_FALSE(decoded<std::uint64_t>(encoded(std::int8_t{-1})));
    CHECK_FALSE(decoded<std::int64_t>(encoded(std::uint64_t{9'223'372'036'854'775'808U})));
    CHECK_FALSE(decoded<bool>(encoded(1)));
    CHECK_FALSE(decoded<int>(encoded(true)));
    CHECK_FALSE(decoded<int>(encoded(1.0)));
    CHECK_FALSE(decoded<double>(encoded(1)));
    CHECK_FALSE(decoded<int>(encoded(std::string{"1"})));
    CHECK_FALSE(decoded<std::string>(encoded(1)));
}

TEST_CASE("floating numbers survive bit by bit", "[codec][unit]") {
    survives_bitwise<std::uint64_t>(0.0, "fb0000000000000000");
    survives_bitwise<std::uint64_t>(-0.0, "fb8000000000000000");
    survives_bitwise<std::uint64_t>(1.1, "fb3ff199999999999a");
    survives_bitwise<std::uint64_t>(std::numeric_limits<double>::max(), "fb7fefffffffffffff");
    survives_bitwise<std::uint64_t>(std::numeric_limits<double>::lowest(), "fbffefffffffffffff");
    survives_bitwise<std::uint64_t>(std::numeric_limits<double>::denorm_min(),
                                    "fb0000000000000001");
    survives_bitwise<std::uint64_t>(std::numeric_limits<double>::infinity(), "fb7ff0000000000000");
    survives_bitwise<std::uint64_t>(-std::numeric_limits<double>::infinity(), "fbfff0000000000000");
    survives_bitwise<std::uint64_t>(std::numeric_limits<double>::quiet_NaN(), "fb7ff8000000000000");
    survives_bitwise<std::uint64_t>(std::bit_cast<double>(std::uint64_t{0xfff0'0000'dead'beefU}),
                                    "fbfff00000deadbeef");
    survives_bitwise<std::uint32_t>(-0.0F, "fa80000000");
    survives_bitwise<std::uint32_t>(1.1F, "fa3f8ccccd");
    survives_bitwise<std::uint32_t>(std::numeric_limits<float>::denorm_min(), "fa00000001");
    survives_bitwise<std::uint32_t>(-std::numeric_limits<float>::infinity(), "faff800000");
    survives_bitwise<std::uint32_t>(std::bit_cast<float>(std::uint32_t{0x7f80'0001U}),
                                    "fa7f800001");

    CHECK(decoded<double>(encoded(1.5F)) == 1.5);
    CHECK(decoded<float>(encoded(1.5)) == 1.5F);
    CHECK_FALSE(decoded<float>(encoded(1.1)));
}

TEST_CASE("an enum is stored as its integer, values without a name too", "[codec][unit]") {
    survives(Level::low, "387f");
    survives(Level::high, "187f");
    survives(static_cast<Level>(5), "05");
    survives(Wide::all, "1bffffffffffffffff");
    survives(Switch::on, "f5");
    survives(green, "07");
    CHECK_FALSE(from<Level>("1880"));
    CHECK_FALSE(from<Switch>("01"));
}

// ---- strings and bytes

TEST_CASE("a string survives with any bytes", "[codec][unit]") {
    survives(std::string{}, "60");
    survives(std::string{"IETF"}, "6449455446");
    survives(std::string{"\u00fc\u6c34\U00010151"}, "69c3bce6b0b4f0908591");
    survives(std::string{"a\0b\n", 4}, "646100620a");
    survives(std::string{"caf\xe9"}, "44636166e9");
    survives(std::string{"\xff\x00\xc0", 3}, "43ff00c0");
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
    survives(every_byte, "590100" + to_hex(every_byte));
    survives(std::string(70'000, 'x'), "7a00011170" + repeated("78", 70'000));
    CHECK(from<std::string>("4161") == "a");
    CHECK_FALSE(from<std::string>("f6"));
    CHECK_FALSE(from<std::string>("816161"));
}

TEST_CASE("bytes survive, and an array of bytes is read at its own length only", "[codec][unit]") {
    using Four = std::array<std::byte, 4>;
    survives(std::vector<std::byte>{}, "40");
    survives(std::vector<std::byte>{std::byte{0}, std::byte{255}}, "4200ff");
    survives(std::vector<unsigned char>{1, 2, 3}, "43010203");
    survives(std::array<unsigned char, 2>{1, 2}, "420102");
    survives(std::array<unsigned char, 0>{}, "40");
    survives(Four{std::byte{0xde}, std::byte{0xad}, std::byte{0xbe}, std::byte{0xef}},
             "44deadbeef");
    CHECK_FALSE(from<Four>("43deadbe"));
    CHECK_FALSE(from<Four>("45deadbeef00"));
    CHECK_FALSE(from<Four>("8401020304"));
    CHECK_FALSE(from<std::vector<std::byte>>("6161"));
}

// ---- optional, variant, pair, tuple

TEST_CASE("an empty optional is told from one that holds an empty one", "[codec][unit]") {
    using Maybe = std::optional<int>;
    using MaybeMaybe = std::optional<Maybe>;
    using Thrice = std::optional<MaybeMaybe>;
    survives(Maybe{}, "f6");
    survives(Maybe{7}, "07");
    survives(MaybeMaybe{}, "f6");
    survives(MaybeMaybe{Maybe{}}, "81f6");
    survives(MaybeMaybe{Maybe{7}}, "8107");
    survives(Thrice{MaybeMaybe{Maybe{}}}, "8181f6");
    survives(Thrice{MaybeMaybe{}}, "81f6");
    survives(std::optional<std::monostate>{}, "f6");
    survives(std::optional<std::monostate>{std::monostate{}}, "81f6");
    survives(std::optional<std::string>{""}, "60");
    survives(std::optional<std::vector<int>>{std::vector<int>{}}, "80");
    survives(std::optional<bool>{false}, "f4");
    CHECK_FALSE(from<MaybeMaybe>("07"));
    CHECK_FALSE(from<MaybeMaybe>("80"));
    CHECK_FALSE(from<MaybeMaybe>("820707"));
    CHECK_FALSE(from<Maybe>("f7"));
    CHECK_FALSE(from<Maybe>("f4"));
}

TEST_CASE("a variant says which of its types it holds", "[codec][unit]") {
    using Some = std::variant<std::monostate, int, bool, std::string, std::optional<int>>;
    survives(Some{}, "8200f6");
    survives(Some{1}, "820101");
    survives(Some{true}, "8202f5");
    survives(Some{std::string{"1"}}, "82036131");
    survives(Some{std::optional<int>{}}, "8204f6");
    survives(std::variant<int, int>{std::in_place_index<1>, 5}, "820105");
    for (const auto* digits : {"820501", "82206131", "8102", "83010203", "01", "f6", "8200f5",
                               "8201f5", "821bffffffffffffffff01", "8201", "a10101"}) {
        CAPTURE(digits);
        CHECK_FALSE(from<Some>(digits));
    }
}

TEST_CASE("a variant that an exception left without a value is not stored", "[codec][unit]") {
    // A type that may throw while it is moved.
    std::variant<int, std::deque<int>> value{1};
    CHECK_THROWS(value.emplace<1>(std::numeric_limits<std::size_t>::max()));
    REQUIRE(value.valueless_by_exception());
    std::string bytes;
    detail::CborWriter writer{bytes};
    CHECK_THROWS_AS(detail::encode(writer, value), std::bad_variant_access);
}

TEST_CASE("pairs and tuples are arrays of exactly their length", "[codec][unit]") {
    survives(std::pair{1, std::string{"a"}}, "82016161");
    survives(std::tuple{true, 2, std::string{}, 1.5F}, "84f50260fa3fc00000");
    survives(std::tuple<>{}, "80");
    survives(std::tuple<std::tuple<std::pair<int, int>>>{{{1, 2}}}, "8181820102");
    using Pair = std::pair<int, int>;
    CHECK_FALSE(from<Pair>("8101"));
    CHECK_FALSE(from<Pair>("83010203"));
    CHECK_FALSE(from<Pair>("820161 61"));
    CHECK_FALSE(from<Pair>("a10102"));
    CHECK_FALSE(from<std::tuple<>>("8101"));
}

// ---- containers

TEST_CASE("sequences survive with their order and repetitions", "[codec][unit]") {
    survives(std::vector<int>{}, "80");
    survives(std::vector<int>{3, 1, 3}, "83030103");
    survives(std::vector<bool>{true, false, true}, "83f5f4f5");
    survives(std::vector<char>{'a', 'b'}, "8218611862");
    survives(std::vector<std::vector<std::string>>{{}, {"a"}}, "82808 16161");
    survives(std::vector<std::optional<bool>>{std::nullopt, true}, "82f6f5");
    survives(std::vector<Nothing>(3), "83a0a0a0");
    survives(std::deque<std::string>{"a", "b"}, "8261616162");
    survives(std::list<int>{1, 2}, "820102");
    survives(std::array<int, 3>{1, 2, 3}, "83010203");
    survives(std::array<bool, 2>{true, false}, "82f5f4");
    survives(std::array<int, 0>{}, "80");
    survives(std::vector<int>(300, 5), "99012c" + repeated("05", 300));
    CHECK_FALSE(from<std::vector<int>>("8161 61"));
    CHECK_FALSE(from<std::vector<int>>("a0"));
    CHECK_FALSE(from<std::vector<int>>("8201"));
    using Three = std::array<int, 3>;
    CHECK_FALSE(from<Three>("820102"));
    CHECK_FALSE(from<Three>("8401020304"));
}

namespace codec_test {

/// Leaves to chance what a constructor without arguments does.
template <class T>
struct CarelessAllocator : std::allocator<T> {
    template <class U>
    struct rebind {
        using other = CarelessAllocator<U>;
    };
    template <class U, class... Arguments>
    void construct(U* at, Arguments&&... arguments) {
        if constexpr (sizeof...(Arguments) == 0) {
            std::memset(static_cast<void*>(at), 0x77, sizeof(U));
        } else {
            ::new (at) U(std::forward<Arguments>(arguments)...);
        }
    }
};

struct Point {
    int x;
    int y;
};

}  // namespace codec_test

TEST_CASE("a member that an element lacks is as the type has it, whatever allocates",
          "[codec][unit]") {
    using codec_test::Point;
    const auto points = from<std::vector<Point, codec_test::CarelessAllocator<Point>>>(
        "82 a1617905 a0");  // [{"y": 5}, {}]
    REQUIRE(points);
    REQUIRE(points->size() == 2);
    CHECK(points->front().x == 0);
    CHECK(points->front().y == 5);
    CHECK(points->back().x == 0);
    CHECK(points->back().y == 0);
}

TEST_CASE("sets survive, and an element that comes twice is refused", "[codec][unit]") {
    survives(std::set<int>{3, 1, 2}, "83010203");
    survives(boost::container::flat_set<int>{3, 1, 2}, "83010203");
    CHECK_FALSE(from<boost::container::flat_set<int>>("820101"));
    survives(std::set<std::string>{"b", "a"}, "8261616162");
    survives(std::set<std::pair<int, bool>>{{1, true}}, "818201f5");
    survives(std::unordered_set<std::string>{"a"}, "816161");
    const std::unordered_set<int> many{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    CHECK(decoded<std::unordered_set<int>>(encoded(many)) == many);
    CHECK_FALSE(from<std::set<int>>("820101"));
    CHECK_FALSE(from<std::set<int>>("8201 1801"));
    CHECK_FALSE(from<std::unordered_set<int>>("820101"));
    CHECK(from<std::set<int>>("83030201") == std::set{1, 2, 3});
}

TEST_CASE("a map with text for keys is a CBOR map, any other an array of pairs", "[codec][unit]") {
    using ByName = std::map<std::string, int>;
    survives(ByName{}, "a0");
    survives(ByName{{"a", 1}, {"b", 2}}, "a2616101616202");
    survives(ByName{{"a", 1}, {"\xff", 2}}, "82826161018241ff02");
    survives(std::unordered_map<std::string, std::vector<int>>{{"a", {1, 2}}}, "a16161820102");

    using ByNumber = std::map<int, std::string>;
    survives(ByNumber{}, "80");
    survives(ByNumber{{-1, "x"}, {300, "y"}}, "82822061788219012c6179");
    survives(std::unordered_map<std::uint64_t, bool>{{18'446'744'073'709'551'615U, true}},
             "81821bfffffffffffffffff5");
    survives(std::map<Level, int>{{Level::low, 1}}, "8182387f01");
    survives(std::map<std::optional<int>, int>{{std::nullopt, 1}, {2, 3}}, "8282f601820203");
    survives(std::map<Place, int>{{{"a", 1}, 2}}, "8182a2667374726565746161666e756d6265720102");

    // Either form is read, whichever its writer had to choose.
    CHECK(from<ByName>("8182616101") == ByName{{"a", 1}});
    CHECK(from<ByName>("a1416101") == ByName{{"a", 1}});
    CHECK(from<ByNumber>("a1016178") == ByNumber{{1, "x"}});

    for (const auto* digits : {"a2616101616102", "a2616101416102", "82826161018241 6102",
                               "81816161", "818361610101", "81616101", "a16161", "a10101", "01"}) {
        CAPTURE(digits);
        CHECK_FALSE(from<ByName>(digits));
    }
    CHECK_FALSE(from<ByNumber>("8282016178821801 6179"));
}

TEST_CASE("what a container held before is gone after reading", "[codec][unit]") {
    const auto read_into = [](auto value, std::string_view digits) {
        const std::string bytes = from_hex(digits);
        detail::CborReader reader{bytes};
        REQUIRE(detail::decode(reader, value));
        return value;
    };
    CHECK(read_into(std::vector<int>{1, 2}, "8103") == std::vector<int>{3});
    CHECK(read_into(std::set<int>{1, 2}, "8101") == std::set<int>{1});
    CHECK(read_into(std::map<int, int>{{1, 2}}, "81820103") == std::map<int, int>{{1, 3}});
    CHECK(read_into(std::optional<int>{1}, "f6") == std::nullopt);
    CHECK(read_into(std::string{"old"}, "60").empty());
}

// ---- time

TEST_CASE("durations carry their unit", "[codec][unit]") {
    using Thirds = std::chrono::duration<std::int64_t, std::ratio<1, 3>>;
    using Ticks = std::chrono::duration<std::uint64_t, std::milli>;
    survives(90s, "82185a6173");
    survives(-5ms, "8224626d73");
    survives(7us, "8207627573");
    survives(std::chrono::nanoseconds::max(), "821b7fffffffffffffff626e73");
    survives(std::chrono::nanoseconds::min(), "823b7fffffffffffffff626e73");
    survives(5min, "8205636d696e");
    survives(2h, "82026168");
    survives(std::chrono::days{3}, "82036164");
    survives(std::chrono::weeks{1}, "8201695b3630343830305d73");
    survives(Thirds{2}, "8202665b312f335d73");
    survives(Ticks::max(), "821bffffffffffffffff626d73");
    survives(std::chrono::duration<double>{1.5}, "82fb3ff80000000000006173");
    survives(std::chrono::duration<float, std::milli>{0.5F}, "82fa3f000000626d73");
    survives(std::chrono::duration<int>{5}, "82056173");
}

TEST_CASE("a duration in another unit is read where that is exact", "[codec][unit]") {
    CHECK(decoded<std::chrono::milliseconds>(encoded(90s)) == 90'000ms);
    CHECK(decoded<std::chrono::seconds>(encoded(90'000ms)) == 90s);
    CHECK(decoded<std::chrono::minutes>(encoded(-120s)) == -2min);
    CHECK(decoded<std::chrono::hours>(encoded(std::chrono::weeks{1})) == 168h);
    CHECK(decoded<std::chrono::weeks>(encoded(168h)) == std::chrono::weeks{1});
    CHECK(decoded<std::chrono::nanoseconds>(encoded(0h)) == 0ns);
    using Thirds = std::chrono::duration<std::int64_t, std::ratio<1, 3>>;
    using Halves = std::chrono::duration<std::int64_t, std::ratio<1, 2>>;
    CHECK(decoded<Halves>(encoded(Thirds{6})) == Halves{4});
    CHECK_FALSE(decoded<Halves>(encoded(Thirds{1})));
    CHECK_FALSE(decoded<std::chrono::seconds>(encoded(90'001ms)));
    CHECK_FALSE(decoded<std::chrono::nanoseconds>(encoded(std::chrono::hours{3'000'000})));
    CHECK_FALSE(decoded<std::chrono::duration<std::int8_t>>(encoded(128s)));
    CHECK(decoded<std::chrono::duration<std::int8_t>>(encoded(2min)) ==
          std::chrono::duration<std::int8_t>{120});
    CHECK_FALSE(decoded<std::chrono::duration<std::uint32_t>>(encoded(-1s)));
    CHECK_FALSE(decoded<std::chrono::duration<double>>(encoded(1s)));
    CHECK_FALSE(decoded<std::chrono::seconds>(encoded(std::chrono::duration<double>{1.0})));

    for (const auto* digits :
         {"82016161", "820160", "8201655b2d325d73", "8201635b5d73", "8201645b305d73",
          "8201665b312f305d73", "8201665b312f325d", "8201665b312f785d73", "8201625d73", "8201415b",
          "820173", "8101", "8301617301", "01", "82f6 6173", "a1016173",
          "82 01 7819 5b 3938373635343332313039383736353433323130 5d73"}) {
        CAPTURE(digits);
        CHECK_FALSE(from<std::chrono::seconds>(digits));
    }
}

TEST_CASE("a point in time is the duration since 1970", "[codec][unit]") {
    using std::chrono::system_clock;
    using Days = std::chrono::time_point<system_clock, std::chrono::days>;
    using Seconds = std::chrono::time_point<system_clock, std::chrono::seconds>;
    survives(Seconds{1'893'456'000s}, "821a70dbd8806173");
    survives(Days{std::chrono::days{-1}}, "82206164");
    survives(system_clock::time_point{1ns}, "8201626e73");
    survives(system_clock::time_point::min(), "823b7fffffffffffffff626e73");
    CHECK(decoded<Seconds>(encoded(Days{std::chrono::days{1}})) == Seconds{86'400s});
    CHECK_FALSE(decoded<Days>(encoded(Seconds{86'401s})));
}

// ---- aggregates

TEST_CASE("an aggregate is a map from names to members, in declaration order", "[codec][unit]") {
    survives(Place{"Kirkeveien", 7}, "a2 66737472656574 6a4b69726b65766569656e 666e756d626572 07");
    survives(Nothing{}, "a0");
    survives(Home{},
             "a5 646e616d65 64686f6d65 65666c6f6f72 03 65706c616365 a2 66737472656574 60"
             "666e756d626572 f6 6474616773 816161 65726f6f6d73 8182016178");
    survives(Renamed{"a", "b"}, "a2 646d61696c 6161 666d61696c5f32 6162");
    survives(LongNames{},
             "a2 78 18 615f6e616d655f6f665f7477656e74795f74687265655f31 01"
             "78 18 615f6e616d655f6f665f7477656e74795f666f75725f3232 02");
    survives(
        std::vector<Place>{{"a", 1}, {"b", std::nullopt}},
        "82 a2 66737472656574 6161 666e756d626572 01 a2 66737472656574 6162 666e756d626572 f6");
}

TEST_CASE("a recursive aggregate survives", "[codec][unit]") {
    survives(Tree{1, {Tree{2, {}}, Tree{3, {Tree{4, {}}}}}},
             "a2 6576616c756501 686368696c6472656e 82"
             "a2 6576616c756502 686368696c6472656e 80"
             "a2 6576616c756503 686368696c6472656e 81 a2 6576616c756504 686368696c6472656e 80");
    survives(Forest{{{1, Forest{}}}}, "a1 657472656573 8182 01 a1 657472656573 80");
}

TEST_CASE("members are read in any order", "[codec][unit]") {
    using Member = std::pair<std::string, nlohmann::ordered_json>;
    std::vector<Member> members{{"name", "n"},
                                {"floor", 5},
                                {"place", {{"number", 1}, {"street", "s"}}},
                                {"tags", {"x", "y"}},
                                {"rooms", {{2, "r"}}}};
    const Home expected{"n", 5, Place{"s", 1}, std::vector<std::string>{"x", "y"}, {{2, "r"}}};
    std::sort(members.begin(), members.end());
    int orders = 0;
    do {
        nlohmann::ordered_json document;
        for (const auto& [name, value] : members) document[name] = value;
        const auto cbor = nlohmann::ordered_json::to_cbor(document);
        if (decoded<Home>({reinterpret_cast<const char*>(cbor.data()), cbor.size()}) == expected) {
            ++orders;
        }
    } while (std::next_permutation(members.begin(), members.end()));
    CHECK(orders == 120);
}

TEST_CASE("a member that is unknown is passed over, whatever it holds", "[codec][unit]") {
    const Place expected{"s", 7};
    const std::string street = "66737472656574 6173";
    const std::string number = "666e756d626572 07";
    for (const std::string unknown :
         {"00", "3903e7", "43010203", "6449455446", "80", "8201820203", "a0", "a166737472656574a0",
          "a201020304", "f4", "f6", "f7", "f8ff", "f97e00", "fa47c35000", "fb3ff199999999999a",
          "c11a514b67b0", "d9d9f7a16161c1f6", "a1666e756d6265726178"}) {
        CAPTURE(unknown);
        CHECK(from<Place>("a3 6178" + unknown + street + number) == expected);
        CHECK(from<Place>("a3" + street + "6178" + unknown + number) == expected);
        CHECK(from<Place>("a3" + street + number + "6178" + unknown) == expected);
        CHECK(from<Place>("a4 60" + unknown + number + "66737472656575" + unknown + street) ==
              expected);
        CHECK(from<Home>("a1 65706c616365 a3 6178" + unknown + street + number)->place == expected);
    }
    CHECK_FALSE(from<Place>("a3 6178 ff" + street + number));
    CHECK_FALSE(from<Place>("a3 6178 9f00ff" + street + number));
    CHECK_FALSE(from<Place>("a3 01 02" + street + number));
    CHECK_FALSE(from<Place>("a4 6178 00" + street + number));
}

TEST_CASE("a member that is not there keeps its default, or makes the whole unreadable",
          "[codec][unit]") {
    CHECK(from<Home>("a0") == Home{});
    CHECK(from<Home>("a1 65666c6f6f72 09")->floor == 9);
    CHECK(from<Home>("a1 65706c616365 a0")->place == Place{});

    const auto absent = [](std::string_view digits) {
        const std::string bytes = from_hex(digits);
        detail::CborReader reader{bytes};
        reader.every_member_required = true;
        Home home;
        CHECK_FALSE(detail::decode(reader, home));
        return reader.member_was_absent;
    };
    CHECK(absent("a0"));
    CHECK(absent("a1 65666c6f6f72 09"));
    // In an aggregate inside, too: here all of Home is there, and `number` is not.
    CHECK(
        absent("a5 646e616d65 6161 65666c6f6f72 03 65706c616365 a1 66737472656574 60"
               "6474616773 80 65726f6f6d73 80"));
    CHECK_FALSE(absent("a1 65666c6f6f72 6139"));
    CHECK_FALSE(absent("a1 65666c6f6f72"));
}

TEST_CASE("a member that comes twice is refused", "[codec][unit]") {
    CHECK_FALSE(from<Place>("a2 66737472656574 6161 66737472656574 6161"));
    CHECK_FALSE(from<Place>("a3 66737472656574 6161 666e756d626572 01 66737472656574 6161"));
    CHECK_FALSE(from<Place>("a2 66737472656574 6161 46737472656574 6162"));
}

TEST_CASE("a body that is no map of its members is refused", "[codec][unit]") {
    for (const auto* digits :
         {"", "80", "f6", "00", "60", "a1", "a1 66737472656574", "bf ff", "a1 66737472656574 01",
          "a1 666e756d626572 6131", "a1 666e756d626572 fb3ff0000000000000",
          "bb ffffffffffffffff 66737472656574 60", "a0 00", "81 a0"}) {
        CAPTURE(digits);
        CHECK_FALSE(from<Place>(digits));
    }
}

// ---- what others write

TEST_CASE("a body that another program wrote in the least bytes is read", "[codec][unit]") {
    struct Foreign {
        double one = 0;
        double nan = 0;
        float infinite = 0;
        double tenth = 0;
        std::int64_t least = 0;
        std::uint64_t most = 0;
        std::optional<int> none = 5;
        bool yes = false;
        std::string text;
        std::vector<unsigned char> bytes;
        std::map<std::string, std::vector<int>> lists;
        std::map<int, bool> by_number;
        std::chrono::seconds pause{};
        Tree tree;
    };
    nlohmann::json document{{"one", 1.0},
                            {"nan", std::numeric_limits<double>::quiet_NaN()},
                            {"infinite", std::numeric_limits<double>::infinity()},
                            {"tenth", 0.1},
                            {"least", std::numeric_limits<std::int64_t>::min()},
                            {"most", std::numeric_limits<std::uint64_t>::max()},
                            {"none", nullptr},
                            {"yes", true},
                            {"text", "\u00fc"},
                            {"lists", {{"a", {1, -300}}, {"b", nlohmann::json::array()}}},
                            {"by_number", {{1, true}, {2, false}}},
                            {"pause", {2, "min"}},
                            {"tree", {{"value", 1}, {"children", {{{"value", 2}}}}}},
                            {"extra", {{"deep", {1, {2, nullptr}}}}}};
    document["bytes"] = nlohmann::json::binary({0xde, 0xad});
    const auto cbor = nlohmann::json::to_cbor(document);
    const auto read = decoded<Foreign>({reinterpret_cast<const char*>(cbor.data()), cbor.size()});
    REQUIRE(read);
    CHECK(read->one == 1.0);
    CHECK(read->nan != read->nan);
    CHECK(read->infinite == std::numeric_limits<float>::infinity());
    CHECK(read->tenth == 0.1);
    CHECK(read->least == std::numeric_limits<std::int64_t>::min());
    CHECK(read->most == std::numeric_limits<std::uint64_t>::max());
    CHECK(read->none == std::nullopt);
    CHECK(read->yes);
    CHECK(read->text == "\u00fc");
    CHECK(read->bytes == std::vector<unsigned char>{0xde, 0xad});
    CHECK(read->lists == std::map<std::string, std::vector<int>>{{"a", {1, -300}}, {"b", {}}});
    CHECK(read->by_number == std::map<int, bool>{{1, true}, {2, false}});
    CHECK(read->pause == 120s);
    CHECK(read->tree == Tree{1, {Tree{2, {}}}});
}

TEST_CASE("another program finds every member of a body of ours", "[codec][unit]") {
    const Home home{"n", 5, Place{"s", std::nullopt}, std::vector<std::string>{"x"}, {{2, "r"}}};
    CHECK(nlohmann::json::from_cbor(encoded(home)) ==
          nlohmann::json{{"name", "n"},
                         {"floor", 5},
                         {"place", {{"street", "s"}, {"number", nullptr}}},
                         {"tags", {"x"}},
                         {"rooms", {{2, "r"}}}});
}

// ---- depth

TEST_CASE("a value nests a hundred levels deep and no deeper", "[codec][unit]") {
    // Each level is a map and an array in it.
    const Tree tall = tall_tree(50);
    on_a_small_stack([&] { CHECK(decoded<Tree>(encoded(tall)) == tall); });
    on_a_small_stack(
        [] { CHECK_THROWS_WITH(encoded(tall_tree(51)), "a value nests deeper than 100 levels"); });

    const std::string node = "a1 686368696c6472656e 81";
    CHECK(from<Tree>(repeated(node, 49) + "a0"));
    CHECK(from<Tree>(repeated(node, 49) + "a1 686368696c6472656e 80"));
    CHECK_FALSE(from<Tree>(repeated(node, 50) + "a0"));
}

TEST_CASE("what is written can always be passed over by a reader that does not know it",
          "[codec][unit]") {
    // A map with integers for keys is two arrays deep, three levels of ours for each tree.
    Forest forest;
    for (int i = 1; i < 33; ++i) {
        Forest taller;
        taller.trees.emplace(1, std::move(forest));
        forest = std::move(taller);
    }
    const std::string bytes = encoded(forest);
    detail::CborReader reader{bytes};
    std::string_view item;
    CHECK(reader.skip(item));
    CHECK(decoded<Forest>(bytes) == forest);

    Forest taller;
    taller.trees.emplace(1, Forest{});
    taller.trees.at(1).trees.emplace(1, std::move(forest));
    CHECK_THROWS_AS(encoded(taller), Error);
}

TEST_CASE("a hundred thousand levels are refused on a small stack", "[codec][unit]") {
    const std::string tree = from_hex(repeated("a1 686368696c6472656e 81", 100'000) + "a0");
    const std::string forest = from_hex(repeated("a1 657472656573 818201", 100'000) + "a0");
    const std::string unknown = from_hex("a1 6178" + repeated("81", 100'000) + "00");
    on_a_small_stack([&] {
        CHECK_FALSE(decoded<Tree>(tree));
        CHECK_FALSE(decoded<Forest>(forest));
        CHECK_FALSE(decoded<Tree>(unknown));
    });
}

// ---- keys

TEST_CASE("a key that was read counts as set", "[codec][unit]") {
    struct Keyed {
        Key<std::string> name;
    };
    const auto read = from<Keyed>("a1 646e616d65 6161");
    REQUIRE(read);
    CHECK(read->name.is_set());
    CHECK(read->name == "a");
    CHECK_FALSE(from<Keyed>("a0")->name.is_set());
}
