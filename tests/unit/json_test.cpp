// cachemodel: members that nlohmann::json takes apart.
// SPDX-License-Identifier: MIT
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/codec.hpp"
#include "support/small_stack.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/json.hpp>
#include <cachemodel/models.hpp>

#include <nlohmann/json.hpp>

#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using cachemodel::support::decoded;
using cachemodel::support::encoded;
using cachemodel::support::from;
using cachemodel::support::from_hex;
using cachemodel::support::on_a_small_stack;
using cachemodel::support::repeated;
using cachemodel::support::to_hex;

namespace {

template <class T>
void survives(const T& value, std::string_view digits) {
    CAPTURE(digits);
    const std::string bytes = encoded(value);
    CHECK(to_hex(bytes) == to_hex(from_hex(digits)));
    CHECK_NOTHROW(nlohmann::json::from_cbor(bytes));
    const auto back = decoded<T>(bytes);
    REQUIRE(back);
    CHECK((*back == value));
    CHECK(to_hex(encoded(*back)) == to_hex(bytes));
}

/// Arrays in arrays, so many of them.
nlohmann::json nested(int levels) {
    nlohmann::json document = nlohmann::json::array();
    for (int i = 1; i < levels; ++i) {
        nlohmann::json outer = nlohmann::json::array();
        outer.push_back(std::move(document));
        document = std::move(outer);
    }
    return document;
}

/// No aggregate, and with converters of its own.
class Color {
 public:
    Color() = default;
    explicit Color(std::string name) : name_(std::move(name)) {}

    const std::string& name() const { return name_; }
    bool operator==(const Color&) const = default;

 private:
    std::string name_;
};

void to_json(nlohmann::json& document, const Color& color) {
    if (color.name() == "unspeakable") throw std::runtime_error{"no word for it"};
    document = color.name();
}
void from_json(const nlohmann::json& document, Color& color) {
    auto name = document.get<std::string>();
    if (name == "unreadable") throw std::runtime_error{"cannot be read"};
    color = Color{std::move(name)};
}

/// An aggregate and an enum that have converters as well.
struct Point {
    int x = 0;
    int y = 0;

    bool operator==(const Point&) const = default;
};
void to_json(nlohmann::json& document, const Point& point) { document = {point.x, point.y}; }
void from_json(const nlohmann::json& document, Point& point) {
    document.at(0).get_to(point.x);
    document.at(1).get_to(point.y);
}

enum class Mode { slow, fast };
NLOHMANN_JSON_SERIALIZE_ENUM(Mode, {{Mode::slow, "slow"}, {Mode::fast, "fast"}})

struct Painting {
    Key<std::string> title;
    Field<int> year = 0;
    Field<Color> color;
    Json<Point> place;
    nlohmann::json notes;
};

}  // namespace

TEST_CASE("a document survives, whatever kind it is of", "[json][unit]") {
    using nlohmann::json;
    survives(json{}, "f6");
    survives(json{true}.at(0), "f5");
    survives(json(0), "00");
    survives(json(std::numeric_limits<std::int64_t>::min()), "3b7fffffffffffffff");
    survives(json(std::numeric_limits<std::uint64_t>::max()), "1bffffffffffffffff");
    survives(json(1.0), "fb3ff0000000000000");
    survives(json(std::numeric_limits<double>::infinity()), "fb7ff0000000000000");
    survives(json(""), "60");
    survives(json("\u00fc"), "62c3bc");
    survives(json::array(), "80");
    survives(json::object(), "a0");
    survives(json({1, "a", nullptr, {true, 1.5}}), "84 01 6161 f6 82 f5 fb3ff8000000000000");
    survives(json{{"b", 1}, {"a", {{"c", json::array()}}}}, "a2 6161 a1 6163 80 6162 01");
    survives(json::binary({0xde, 0xad}), "42dead");
    survives(json::binary({}), "40");

    using nlohmann::ordered_json;
    survives(ordered_json{{"b", 1}, {"a", 2}}, "a2 6162 01 6161 02");
}

TEST_CASE("a number in a document keeps every bit", "[json][unit]") {
    for (const std::uint64_t bits : {0x8000'0000'0000'0000U, std::uint64_t{1},
                                     0x7ff8'0000'0000'0000U, 0xfff8'0000'0000'0123U}) {
        const auto back =
            decoded<nlohmann::json>(encoded(nlohmann::json(std::bit_cast<double>(bits))));
        REQUIRE(back);
        CHECK(std::bit_cast<std::uint64_t>(back->get<double>()) == bits);
    }
}

TEST_CASE("text in a document stays text where it is not UTF-8", "[json][unit]") {
    survives(nlohmann::json("\xff"), "61ff");
    survives(nlohmann::json{{"\xff", 1}}, "a1 61ff 01");
}

TEST_CASE("a binary with a subtype is refused when it is written", "[json][unit]") {
    CHECK_THROWS_AS(encoded(nlohmann::json::binary({1}, 42)), Error);
    CHECK_THROWS_AS(encoded(nlohmann::json{{"a", nlohmann::json::binary({1}, 0)}}), Error);
}

TEST_CASE("documents stand inside of other types", "[json][unit]") {
    using nlohmann::json;
    survives(std::vector<json>{1, "a", json{}}, "83 01 6161 f6");
    survives(std::map<std::string, json>{{"a", json::array({1})}}, "a1 6161 81 01");
    survives(std::optional<json>{}, "f6");
    survives(std::optional<json>{json{}}, "81 f6");
    survives(std::optional<json>{json(1)}, "81 01");
}

TEST_CASE("a document of nothing but bytes from elsewhere is refused", "[json][unit]") {
    for (const auto* digits : {"",
                               "ff",
                               "f7",
                               "f0",
                               "f820",
                               "f801",
                               "c101",
                               "d9d9f700",
                               "5f4161ff",
                               "9fff",
                               "bfff",
                               "1c",
                               "a10102",
                               "a1416101",
                               "a1f601",
                               "81",
                               "8201",
                               "62ff",
                               "1900",
                               "9bffffffffffffffff",
                               "9b7fffffffffffffff",
                               "bb7fffffffffffffff",
                               "7b7fffffffffffffff61",
                               "fb00",
                               "fc",
                               "00 00"}) {
        CAPTURE(digits);
        CHECK_FALSE(from<nlohmann::json>(digits));
        CHECK_FALSE(from<nlohmann::ordered_json>(digits));
    }
    CHECK(from<nlohmann::json>("f93c00") == nlohmann::json(1.0));
    CHECK(from<nlohmann::json>("fa3f800000") == nlohmann::json(1.0));
}

TEST_CASE("a document that another library wrote is read", "[json][unit]") {
    const nlohmann::json document{{"list", {1, -1, 1.0, 0.1, "x", nullptr, true}},
                                  {"object", {{"a", {{"b", 2}}}}}};
    const auto cbor = nlohmann::json::to_cbor(document);
    CHECK(decoded<nlohmann::json>({reinterpret_cast<const char*>(cbor.data()), cbor.size()}) ==
          document);
}

TEST_CASE("a document nests a hundred levels deep and no deeper", "[json][unit]") {
    on_a_small_stack([] {
        const nlohmann::json deep = nested(100);
        CHECK(decoded<nlohmann::json>(encoded(deep)) == deep);
    });
    CHECK_THROWS_WITH(encoded(nested(101)), "a value nests deeper than 100 levels");
    CHECK(from<nlohmann::json>(repeated("81", 99) + "80"));
    CHECK_FALSE(from<nlohmann::json>(repeated("81", 100) + "80"));
    CHECK_FALSE(from<nlohmann::json>(repeated("81", 101) + "00"));
    // The vector takes one of them.
    CHECK(from<std::vector<nlohmann::json>>(repeated("81", 100) + "00"));
    CHECK_FALSE(from<std::vector<nlohmann::json>>(repeated("81", 101) + "00"));
    CHECK_THROWS_AS(encoded(std::vector{nested(100)}), Error);
}

TEST_CASE("a document of a hundred thousand levels is an error, written or read", "[json][unit]") {
    const nlohmann::json deep = nested(100'000);
    Json<nlohmann::json> forced;
    *forced = nested(100'000);
    const std::string arrays = from_hex(repeated("81", 100'000) + "00");
    const std::string objects = from_hex(repeated("a160", 100'000) + "00");
    on_a_small_stack([&] {
        CHECK_THROWS_AS(encoded(deep), Error);
        CHECK_THROWS_AS(encoded(forced), Error);
        CHECK_FALSE(decoded<nlohmann::json>(arrays));
        CHECK_FALSE(decoded<nlohmann::json>(objects));
        CHECK_FALSE(decoded<Json<nlohmann::json>>(objects));
        CHECK_FALSE(decoded<Color>(arrays));
    });
}

TEST_CASE("a class is stored as its converters have it", "[json][unit]") {
    survives(Color{"red"}, "63726564");
    survives(std::vector<Color>{Color{"a"}, Color{"b"}}, "82 6161 6162");
    survives(std::optional<Color>{}, "f6");
    survives(std::optional<Color>{Color{"a"}}, "81 6161");
}

TEST_CASE("aggregates and enums are stored by members and numbers, whatever converters they have",
          "[json][unit]") {
    survives(Point{1, 2}, "a2 6178 01 6179 02");
    survives(Mode::fast, "01");
    survives(Json<Point>{Point{1, 2}}, "82 01 02");
    survives(Json<Mode>{Mode::fast}, "6466617374");
    survives(std::vector<Json<Point>>{Point{1, 2}}, "81 82 01 02");
    Json<nlohmann::json> document;
    *document = {{"a", 1}};
    survives(document, "a1 6161 01");
    survives(Json<std::map<std::string, int>>{{{"a", 1}}}, "a1 6161 01");
    survives(std::optional<Json<Point>>{}, "f6");
}

TEST_CASE("what a converter throws leaves save, and the old entry stays", "[json][unit]") {
    const auto cache = Cache::open("memory://");
    const Models<Painting> paintings{cache};
    const Painting first{.title = "a", .year = 1, .color = Color{"red"}};
    paintings.save(first);
    CHECK_THROWS_WITH(
        paintings.save(Painting{.title = "a", .year = 2, .color = Color{"unspeakable"}}),
        "no word for it");
    CHECK(paintings.get("a").year == 1);
    CHECK_THROWS_AS(paintings.save(Painting{.title = "b", .notes = nested(101)}), Error);
    CHECK_FALSE(paintings.exists("b"));

    const auto outcomes = paintings.save_many(
        std::vector{Painting{.title = "c"}, Painting{.title = "d", .color = Color{"unspeakable"}},
                    Painting{.title = "e"}});
    CHECK(outcomes[0].done());
    REQUIRE(outcomes[1].failed());
    CHECK(outcomes[1].failure().message() == "no word for it");
    CHECK(outcomes[2].done());
    CHECK(paintings.exists("e"));
}

TEST_CASE("what a converter throws on the way back is a miss", "[json][unit]") {
    const auto cache = Cache::open("memory://");
    const Models<Painting> paintings{cache};
    paintings.save(Painting{.title = "a", .year = 7, .color = Color{"unreadable"}});
    const auto found = paintings.find("a");
    CHECK(found.absent());
    CHECK(found.reason() == MissReason::undecodable);
    CHECK_THROWS_AS(paintings.get("a"), Missing);
    CHECK(cache.statistics().misses(MissReason::undecodable) == 2);
}

TEST_CASE("a model with documents, classes and forced types comes back as it was", "[json][unit]") {
    const Models<Painting> paintings{Cache::open("memory://")};
    paintings.save(Painting{.title = "a",
                            .year = 1889,
                            .color = Color{"blue"},
                            .place = Point{3, 4},
                            .notes = {{"stars", 11}, {"moon", true}}});
    const auto painting = paintings.get("a");
    CHECK(painting.year == 1889);
    CHECK(painting.color->name() == "blue");
    CHECK(painting.place == Point{3, 4});
    CHECK(painting.notes == nlohmann::json{{"moon", true}, {"stars", 11}});
}
