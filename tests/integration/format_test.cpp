// cachemodel: entries as another language sees them, on a real memcached, in SQLite and in files.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/json.hpp>

#include "envelope.hpp"
#include "support/catch.hpp"
#include "support/memcached_server.hpp"
#include "support/process.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

// tests/format/check_entries.py expects exactly these types and values.
namespace shop {

enum class Unit : std::uint8_t { piece, kilogram };

struct Price {
    std::int64_t cents = 0;
    std::string currency = "EUR";
};

struct Product {
    static constexpr ModelOptions cache_options{.version = 2};
    static constexpr WireNames wire_names{{"title", "name"}};

    Key<std::string> shop;
    Key<std::uint32_t> number;
    Field<std::string> title;
    Field<std::string> latin;
    Price price;
    Field<Unit> unit;
    Field<bool> sold;
    Field<std::int64_t> least;
    Field<std::uint64_t> most;
    Field<float> single;
    Field<double> precise;
    Field<std::optional<int>> nothing;
    Field<std::optional<std::optional<int>>> unknown;
    Field<std::variant<int, std::string>> shelf;
    Field<std::vector<unsigned char>> bytes;
    Field<std::vector<std::string>> tags;
    Field<std::map<std::string, int>> stock;
    Field<std::map<int, std::string>> rows;
    Field<std::set<int>> sizes;
    Field<std::pair<int, bool>> both;
    Field<std::tuple<int, std::string, double>> three;
    Field<std::chrono::minutes> preparation;
    Field<std::chrono::sys_seconds> added;
    Field<nlohmann::json> document;
};

struct CustomerId {
    int value = 0;
};

struct Everything {
    Key<bool> flag;
    Key<std::int8_t> small;
    Key<std::string> text;
    Key<std::vector<unsigned char>> bytes;
    Key<Unit> unit;
    Key<std::optional<int>> some;
    Key<std::optional<int>> none;
    Key<CustomerId> customer;
    Key<std::chrono::milliseconds> duration;
    Field<int> number;
};

struct Containers {
    Key<std::variant<int, std::string>> variant;
    Key<std::pair<int, bool>> pair;
    Key<std::vector<int>> list;
    Key<std::set<std::string>> set;
    Key<std::map<std::string, int>> map;
    Key<std::unordered_map<int, std::string>> unordered;
    Key<std::chrono::sys_seconds> time;
    Field<int> number;
};

struct Page {
    Key<std::string> path;
    Field<std::string> text;
};

struct Session {
    static constexpr ModelOptions cache_options{.name = "a/session", .secret_keys = true};
    Key<std::string> token;
    Field<std::string> user;
};

struct Person {
    Key<std::string> name;
    Key<int> year;
    Reference<Person> mother;
    Reference<Person> father;
    std::vector<Reference<Person>> friends;
};

struct Note {
    Key<int> id;
    Field<std::string> text;
    Field<int> stars;
};

double distance(std::string, double, float, Unit) { return 2.5; }
int secret_sum(int a, int b) { return a + b; }

}  // namespace shop

namespace {

const std::string long_path(300, 'p');
/// Its key would be cut, after 147 bytes, in the middle of the first escape.
const std::string escaped_path = std::string(126, 'p') + "   " + std::string(60, 'p');

shop::Product tea() {
    return {.shop = "corner \"1\"",
            .number = 17U,
            .title = "Gr\xc3\xbcner Tee",
            .latin = "\xff",
            .price = {.cents = 450},
            .unit = shop::Unit::kilogram,
            .sold = true,
            .least = std::numeric_limits<std::int64_t>::min(),
            .most = std::numeric_limits<std::uint64_t>::max(),
            .single = 0.5F,
            .precise = 0.1,
            .unknown = std::optional<std::optional<int>>{std::optional<int>{}},
            .shelf = std::variant<int, std::string>{"top"},
            .bytes = std::vector<unsigned char>{0, 255},
            .tags = std::vector<std::string>{"hot", ""},
            .stock = std::map<std::string, int>{{"Graz", 3}, {"Rome", 1000}},
            .rows = std::map<int, std::string>{{-1, "a"}, {2, "b"}},
            .sizes = std::set<int>{1, 5},
            .both = std::pair{7, true},
            .three = std::tuple{1, std::string{"x"}, 1.5},
            .preparation = 90min,
            .added = std::chrono::sys_seconds{1'700'000'000s},
            .document = nlohmann::json{{"a", {1, nullptr, 2.5}}}};
}

shop::Everything everything() {
    return {.flag = true,
            .small = std::int8_t{-128},
            .text = "a b%\"~\xc3\xa9\n/",
            .bytes = std::vector<unsigned char>{1, 171},
            .unit = shop::Unit::kilogram,
            .some = std::optional<int>{5},
            .none = std::optional<int>{},
            .customer = shop::CustomerId{7},
            .duration = 1500ms,
            .number = 1};
}

shop::Containers containers() {
    return {.variant = std::variant<int, std::string>{"x"},
            .pair = std::pair{1, false},
            .list = std::vector<int>{3, 1, 2},
            .set = std::set<std::string>{"b", "a"},
            .map = std::map<std::string, int>{{"k", 1}},
            .unordered = std::unordered_map<int, std::string>{{10, "ten"}, {9, "nine"}},
            .time = std::chrono::sys_seconds{-5s},
            .number = 2};
}

/// So many bytes, the i-th of which is 131 i + 7.
std::string pattern(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(131 * i + 7);
    return bytes;
}

/// The checksum of so many of them.
std::string checksum(std::size_t size) {
    std::string bytes = pattern(size);
    detail::end_entry(bytes);
    std::string hex;
    for (const char c : bytes.substr(size)) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
        hex += digits;
    }
    return hex;
}

/// Every length up to two stripes beyond a block, and some larger ones.
std::string checksums() {
    std::string lines;
    for (std::size_t size = 0; size <= 1'200; ++size) {
        lines += std::to_string(size) + ' ' + checksum(size) + '\n';
    }
    for (const std::size_t size : {2'047U, 2'048U, 2'049U, 10'000U, 100'001U}) {
        lines += std::to_string(size) + ' ' + checksum(size) + '\n';
    }
    return lines;
}

/// Two caches on one store, and Python at the same place.
class Fixture {
 public:
    Fixture(const std::string& url, std::string place)
        : cache(Cache::open(url + "?key_prefix=fmt&version=3&deadline=10s")),
          digest(Cache::open(url + "?key_prefix=fmt&key_function=digest&deadline=10s")),
          place_(std::move(place)) {}

    /// Runs `check_entries.py step`; says whether it was content.
    bool python(const std::string& step) const {
        const std::string command = "python3 -B '" CACHEMODEL_TESTS_DIRECTORY
                                    "/format/check_entries.py' " +
                                    step + " '" + place_ + "'";
        return std::system(command.c_str()) == 0;
    }

    Cache cache;
    Cache digest;

 private:
    std::string place_;
};

void write_models(const Cache& cache) {
    Models<shop::Product>{cache}.save(tea());
    Models<shop::Everything>{cache}.save(everything());
    Models<shop::Containers>{cache}.save(containers());
    const Models<shop::Page> pages{cache};
    pages.save({.path = long_path, .text = "long"});
    pages.save({.path = escaped_path, .text = "cut before an escape"});
    pages.save({.path = "/", .text = "root"});
    Models<shop::Session>{cache}.save({.token = "8c1f0a5e-token", .user = "bob"});
    Models<shop::Person>{cache}.save({.name = "bob",
                                      .year = 1980,
                                      .mother = Reference<shop::Person>::to("eve", 1950),
                                      .friends = {Reference<shop::Person>::to("ann", 1981)}});

    const CachedFunction<&shop::distance> distance{cache, {.name = "distance", .version = 4}};
    CHECK(distance("Rome", 1e5, 0.1F, shop::Unit::piece) == 2.5);
    CHECK(distance("", 123456789012345680000.0, -2.5e-7F, shop::Unit::kilogram) == 2.5);
    const CachedFunction<&shop::secret_sum> sum{cache, {.name = "sum", .secret_keys = true}};
    CHECK(sum(1, 2) == 3);
}

void write_values(const Cache& cache) {
    CHECK(cache.set("text", "Z\xc3\xbcrich", never));
    CHECK(cache.set("latin", "\xff\x80", never));
    CHECK(cache.set("bytes", std::vector<unsigned char>{0, 1, 255}, never));
    CHECK(cache.set("true", true, never));
    CHECK(cache.set("unit", shop::Unit::kilogram, never));
    CHECK(cache.set("float", 0.5F, never));
    CHECK(cache.set("double", 0.1, never));
    CHECK(cache.set("null", nullptr, never));
    CHECK(cache.set("empty", std::optional<std::string>{}, never));
    CHECK(cache.set(
        "nested", std::optional<std::optional<std::string>>{std::optional<std::string>{}}, never));
    CHECK(cache.set("price", shop::Price{.cents = -1, .currency = "USD"}, never));
    CHECK(cache.set("list", std::vector<std::int64_t>{1, -1, 1'000'000'000'000}, never));
    CHECK(cache.set("long", std::string(3'000, 'x'), never));
    CHECK(cache.set("integer", 42, never));
    CHECK(cache.set("negative", -5, never));
    CHECK(cache.set("largest", std::numeric_limits<std::uint64_t>::max(), never));
    CHECK(cache.set("maybe", std::optional<int>{7}, never));
    CHECK(cache.set("character", 'A', never));
    CHECK(cache.set("counter", 100, never));
    CHECK(cache.decr("counter") == 99);
    CHECK(cache.set("short-lived", "soon over", 90'500ms));
    CHECK(cache.set_raw("checksums", checksums(), never));
}

/// What loads and removals leave behind, as check_entries.py expects it.
void write_what_stands_for_values(const Cache& cache) {
    constexpr detail::WallTime then{1'893'456'000'000ms};
    const auto write = [&](const std::string& name, detail::Envelope envelope,
                           std::string_view body) {
        const auto key = cache.final_key(name);
        envelope.key = key;
        envelope.written_at = then;
        std::string bytes;
        detail::begin_entry(bytes, envelope);
        bytes += body;
        detail::end_entry(bytes);
        CHECK(cache.set_raw(name, bytes, never));
    };
    write("removed", {.epoch = 0xfedcba9876543211}, "");
    write("given-back", {.epoch = 0xfedcba9876543210}, "");
    write("leased", {.lease = detail::EntryLease{then + 2s, 0xffffffffffffffff}}, "");
    write("leased-anew", {.lease = detail::EntryLease{then + 2s, 1}, .epoch = 7}, "");
    write("missing", {.fresh_until = then + 10s, .is_known_missing = true}, "");
    write("stale",
          {.fresh_until = then + 1ms,
           .load_cost = std::chrono::milliseconds::max(),
           .lease = detail::EntryLease{then + 2s, 5},
           .epoch = 9},
          "\x65stale");
}

/// Values of lengths that XXH3 treats in different ways, as check_entries.py expects them.
void write_patterns(const Cache& cache) {
    std::vector<std::size_t> sizes(257);
    std::iota(sizes.begin(), sizes.end(), std::size_t{0});
    sizes.insert(sizes.end(), {511, 1'023, 1'024, 1'025, 1'087, 1'088, 1'089, 2'048, 5'000});
    for (const auto size : sizes) {
        CHECK(cache.set_raw("pattern-" + std::to_string(size), pattern(size), never));
    }
}

void check_that_python_reads(const Fixture& fixture) {
    write_models(fixture.cache);
    write_values(fixture.cache);
    write_what_stands_for_values(fixture.cache);
    write_patterns(fixture.cache);
    CHECK(fixture.digest.set("short", "as it is", never));
    CHECK(fixture.digest.set("a key with spaces", "digested", never));
    CHECK(fixture.digest.set("sha256-" + std::string(64, '0'), "digested, too", never));
    Models<shop::Page>{fixture.digest}.save({.path = long_path, .text = "long"});

    CHECK(fixture.python("read"));
    const Models<shop::Page> pages{fixture.cache};
    REQUIRE(pages.exists(long_path));

    CHECK(fixture.python("remove"));
    CHECK(pages.find(long_path).absent());
    CHECK(pages.get("/").text == "root");
    CHECK(pages.get(escaped_path).text == "cut before an escape");
    CHECK(Models<shop::Product>{fixture.cache}.get("corner \"1\"", 17U).price.cents == 450);
    CHECK(*fixture.cache.get<int>("integer") == 42);
}

void check_what_python_wrote(const Fixture& fixture) {
    REQUIRE(fixture.python("write"));

    const Models<shop::Note> notes{fixture.cache};
    const auto note = notes.get(1);
    CHECK(note.text == "written in Python");
    CHECK(note.stars == 5);
    CHECK(*fixture.cache.get<std::string>("greeting") == "hello");
    CHECK(*fixture.cache.get<double>("half") == 0.5);
    CHECK(*fixture.cache.get<std::vector<int>>("numbers") == std::vector<int>{1, -2, 70'000});
    CHECK(*fixture.cache.get<std::optional<int>>("null") == std::nullopt);
    CHECK(fixture.cache.incr("visits") == 8);

    CHECK(notes.find(2).reason() == MissReason::expired);
    CHECK(notes.find(3).reason() == MissReason::other_key);
    CHECK(notes.find(4).reason() == MissReason::unknown_format);
    CHECK(notes.find(5).reason() == MissReason::unknown_format);
    CHECK(notes.find(6).reason() == MissReason::corrupt);
    CHECK(notes.find(7).reason() == MissReason::undecodable);
    CHECK(notes.find(8).reason() == MissReason::foreign);

    const auto unusual = notes.get(9);
    CHECK(unusual.text == "hi");
    CHECK(unusual.stars == 5);
    for (const int id : {10, 11, 12, 13, 14}) {
        INFO(id);
        CHECK(notes.find(id).reason() == MissReason::undecodable);
    }

    CHECK(notes.get(15).text == "written in Python");
    for (const int id : {16, 17, 18, 19}) {
        INFO(id);
        CHECK(notes.find(id).absent());
    }
}

}  // namespace

TEST_CASE("Python reads what C++ wrote, removes one model, and touches nothing else",
          "[format][integration]") {
    const TemporaryDirectory directory;
    SECTION("on memcached") {
        const RealMemcached server;
        check_that_python_reads({server.url(), server.address().socket});
    }
    SECTION("in SQLite") {
        const auto path = (directory.path() / "cache.db").string();
        check_that_python_reads({"sqlite://" + path, path});
    }
    SECTION("in files") {
        const auto path = (directory.path() / "files").string();
        check_that_python_reads({"file://" + path, path});
    }
}

TEST_CASE("C++ reads what Python wrote, and takes what is not sound as a miss",
          "[format][integration]") {
    SECTION("on memcached") {
        const RealMemcached server;
        check_what_python_wrote({server.url(), server.address().socket});

        const Cache django = Cache::open(server.url() + "?deadline=10s");
        CHECK(*django.get<int>("hits") == 41);
        CHECK(django.incr("hits") == 42);
        CHECK(server.ask("get :1:hits\r\n", "END\r\n") == "VALUE :1:hits 2 2\r\n42\r\nEND\r\n");
        CHECK(django.get<std::string>("name").reason() == MissReason::foreign);
        CHECK(*django.get_raw("name") == "Ada");
        CHECK(*django.get<int>("zip") == 90210);
        CHECK(django.get<std::string>("long").reason() == MissReason::foreign);
    }
    SECTION("in SQLite") {
        const TemporaryDirectory directory;
        const auto path = (directory.path() / "cache.db").string();
        const Fixture fixture{"sqlite://" + path, path};
        REQUIRE(fixture.cache.get<int>("nothing").absent());  // makes the table
        check_what_python_wrote(fixture);
        CHECK(fixture.cache.get<std::string>("over").reason() == MissReason::nothing_stored);
    }
}
