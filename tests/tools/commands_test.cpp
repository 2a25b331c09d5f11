// cachemodel: what the commands of the command line tool do.
// SPDX-License-Identifier: MIT
#include <cachemodel/version.hpp>

#include "support/memcached_server.hpp"
#include "support/redis_server.hpp"
#include "tools/shop.hpp"
#include "tools/tool.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "envelope.hpp"

namespace cachemodel::support {

namespace {

using nlohmann::json;
using namespace std::chrono_literals;

std::string sealed(std::string_view key, std::string_view body,
                   std::optional<detail::WallTime> fresh_until = {}) {
    std::string bytes;
    detail::begin_entry(bytes, {key, detail::WallTime{1'772'335'800'250ms}, fresh_until});
    bytes += body;
    detail::end_entry(bytes);
    return bytes;
}

/// An entry of a model under "Thing@1/id=1" that says this.
void put(const Shop& shop, const detail::Envelope& envelope, std::string_view body) {
    shop.put("Thing@1/id=1", envelope, body);
}

constexpr detail::WallTime year_2026{1'772'335'801'000ms};
constexpr detail::WallTime year_9999{253'402'300'799'000ms};

}  // namespace

TEST_CASE("get writes text and bytes as they are, and the rest as JSON", "[tools][get]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const Cache cache = shop.cache().with_timeout(never);
    cache.set("nul", std::string("a\0\xff", 3));
    cache.set("empty", "");
    cache.set("null", nullptr);
    cache.set("half", 0.5);
    cache.set("most", std::numeric_limits<std::uint64_t>::max());
    cache.set("least", std::numeric_limits<std::int64_t>::min());
    cache.set("odd", std::vector<double>{std::nan(""), -HUGE_VAL});
    cache.set("bytes", std::map<std::string, std::string>{{"a", "\xff"}});

    CHECK(tool({"get", "nul"}).out == std::string("a\0\xff\n", 4));
    CHECK(tool({"get", "empty"}).out == "\n");
    CHECK(tool({"get", "null"}).out == "null\n");
    CHECK(tool({"get", "half"}).out == "0.5\n");
    CHECK(tool({"get", "most"}).out == "18446744073709551615\n");
    CHECK(tool({"get", "least"}).out == "-9223372036854775808\n");
    CHECK(tool({"get", "odd"}).out == "[\n  \"NaN\",\n  \"-Infinity\"\n]\n");
    CHECK(tool.json({"get", "bytes"}).at("entries").at(0).at("value") ==
          json{{"a", {{"hex", "ff"}}}});
    CHECK(tool({"get", "null", "half"}).out == "null\tnull\nhalf\t0.5\n");
}

TEST_CASE("get --raw writes what is stored and nothing else", "[tools][get]") {
    const Shop shop;
    const Tool tool{shop.url()};
    CHECK(tool({"get", "--raw", "greeting"}).out == shop.bytes("greeting"));
    CHECK(tool({"get", "--raw", "foreign"}).out == "<html>");
    CHECK(tool.json({"get", "--raw", "foreign"}).at("entries").at(0).at("raw") ==
          json{{"hex", "3c68746d6c3e"}});
    CHECK(tool({"get", "--raw", "a", "b"}).exit == 2);
}

TEST_CASE("get finds nothing where a program would find nothing, and says why", "[tools][get]") {
    const Shop shop;
    const Tool tool{shop.url()};
    shop.cache().set_raw("swapped", shop.bytes("greeting"), never);
    shop.cache().set_raw("simple", sealed("shop:1:simple", "\xf7"), never);
    const auto reason = [&](const std::string& key) {
        const Ran ran = tool({"get", key});
        CHECK(ran.exit == 1);
        CHECK(ran.out.empty());
        return ran.err;
    };
    CHECK(reason("nothing") ==
          "cachemodel: nothing: nothing is stored, the final key is shop:1:nothing\n");
    CHECK(reason("expired") == "cachemodel: expired: it has expired\n");
    CHECK(reason("broken") ==
          "cachemodel: broken: its checksum does not fit; cachemodel dump shows more\n");
    CHECK(reason("foreign") ==
          "cachemodel: foreign: it does not begin as an entry of cachemodel does, with ca 4d; "
          "cachemodel dump shows more\n");
    CHECK(reason("swapped") ==
          "cachemodel: swapped: it is the entry of another key, shop:1:greeting\n");
    CHECK(reason("simple") == "cachemodel: simple: JSON has no words for its body\n");
}

TEST_CASE("a value is found whatever else its entry says", "[tools][get][dump]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const std::vector<detail::Envelope> envelopes{
        {.fresh_until = year_9999, .load_cost = 250ms},
        {.lease = detail::EntryLease{year_9999, 7}},
        {.lease = detail::EntryLease{year_2026, 7}},
        {.epoch = 9},
        {.fresh_until = year_9999,
         .load_cost = 250ms,
         .lease = detail::EntryLease{year_9999, 7},
         .epoch = 9},
    };
    for (const auto& envelope : envelopes) {
        put(shop, envelope, "\xa1\x61k\x01");
        CHECK(tool({"get", "Thing@1/id=1"}).out == "{\n  \"k\": 1\n}\n");
        const json document = tool.json({"dump", "Thing@1/id=1"});
        CHECK(document.at("body") == json{{"k", 1}});
        CHECK(document.count("problem") == 0);
        CHECK(document.count("reason") == 0);
    }
    const json all = tool.json({"dump", "Thing@1/id=1"});
    CHECK(all.at("flags") == 15);
    CHECK(all.at("load_seconds") == 0.25);
    CHECK(all.at("lease") == json{{"until", "9999-12-31T23:59:59.000Z"},
                                  {"owner", "0000000000000007"},
                                  {"over", false}});
    CHECK(all.at("epoch") == "0000000000000009");
}

TEST_CASE("where an entry stands for no value, get and dump say what it stands for",
          "[tools][get][dump]") {
    const Shop shop;
    const Tool tool{shop.url()};
    struct Case {
        detail::Envelope envelope;
        std::string reason;
        std::string why;
    };
    const detail::EntryLease living{year_9999, 7};
    const detail::EntryLease over{year_2026, 7};
    const std::string expired = "it has expired";
    const std::string removed = "it was removed";
    const std::string unended = "a load of it was begun, and nothing came of it";
    const std::string loading = "a program is loading it";
    const std::string missing = "it is known to be missing: its source was asked and had none";
    const std::vector<Case> cases{
        {{.epoch = 9}, "removed", removed},
        {{.epoch = 8}, "nothing stored", unended},
        {{.lease = over}, "nothing stored", unended},
        {{.lease = over, .epoch = 9}, "removed", removed},
        {{.lease = living}, "being loaded", loading},
        {{.lease = living, .epoch = 9}, "being loaded", loading},
        {{.is_known_missing = true}, "known missing", missing},
        {{.fresh_until = year_9999, .is_known_missing = true}, "known missing", missing},
        {{.fresh_until = year_2026, .is_known_missing = true}, "expired", expired},
        {{.fresh_until = year_2026, .epoch = 9}, "expired", expired},
    };
    for (const auto& [envelope, reason, why] : cases) {
        INFO(reason);
        put(shop, envelope, "");
        const Ran ran = tool({"get", "Thing@1/id=1"});
        CHECK(ran.exit == 1);
        CHECK(ran.err == "cachemodel: Thing@1/id=1: " + why + '\n');
        const json entry = tool.json({"get", "Thing@1/id=1"}).at("entries").at(0);
        CHECK(entry.at("state") == "absent");
        CHECK(entry.at("reason") == reason);
        const json document = tool.json({"dump", "Thing@1/id=1"});
        CHECK(document.at("exit") == 0);
        CHECK(document.at("reason") == reason);
        CHECK(document.count("problem") == 0);
        CHECK(document.count("body") == 0);
        CHECK(tool({"dump", "Thing@1/id=1"}).out.find("no value      " + why + '\n') !=
              std::string::npos);
        const Ran touched = tool({"touch", "Thing@1/id=1", "1h"});
        CHECK(touched.exit == 1);
        CHECK(touched.err == ran.err);
    }
    put(shop, {}, "");
    CHECK(tool.json({"dump", "Thing@1/id=1"}).at("problem") == "it has no body");
    CHECK(tool({"get", "Thing@1/id=1"}).exit == 1);
}

TEST_CASE("of a model's entry that is over, get and dump say that it may be served stale",
          "[tools][get][dump]") {
    const Shop shop;
    const Tool tool{shop.url()};
    put(shop, {.fresh_until = year_2026}, "\xa1\x61k\x01");
    const Ran ran = tool({"get", "Thing@1/id=1"});
    CHECK(ran.exit == 1);
    CHECK(ran.err ==
          "cachemodel: Thing@1/id=1: it has expired, and is found only where it may be served "
          "stale\n");
    CHECK(tool.json({"get", "Thing@1/id=1"}).at("entries").at(0).at("reason") == "expired");
    const std::string shown = tool({"dump", "Thing@1/id=1"}).out;
    CHECK(
        shown.find("fresh until   2026-03-01T03:30:01.000Z\n"
                   "              this is over: it is found only where it may be served stale\n") !=
        std::string::npos);
    const json document = tool.json({"dump", "Thing@1/id=1"});
    CHECK(document.at("expired") == true);
    CHECK(document.at("reason") == "expired");
    CHECK(document.at("body") == json{{"k", 1}});
}

TEST_CASE("what models leave in a cache is told apart", "[tools][get][dump][models]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const Models<Parcel> parcels{Cache::open(shop.url())};
    const auto why = [&](int number) { return tool({"get", parcels.key_for(number)}).err; };
    CHECK(parcels.get(1).street == "1 High Street");
    CHECK(why(1).empty());
    CHECK(tool.json({"dump", parcels.key_for(1)}).at("flags") == 3);
    CHECK(parcels.find(2).absent());
    CHECK(why(2).find("known to be missing") != std::string::npos);
    parcels.remove(1);
    CHECK(why(1).find("it was removed") != std::string::npos);
    // While its loader runs, it looks at its own entry.
    Parcel::while_loading = [&] {
        CHECK(why(3).find("a program is loading it") != std::string::npos);
    };
    CHECK(parcels.find(3).found());
    Parcel::while_loading = nullptr;
}

TEST_CASE("an entry whose end does not fit into nanoseconds lives as long as it does for a program",
          "[tools][get][dump]") {
    const Shop shop;
    const Tool tool{shop.url()};
    struct Case {
        std::int64_t milliseconds;
        bool is_over;
        std::string shown;
    };
    const std::vector<Case> cases{
        {253'402'300'799'999, false, "9999-12-31T23:59:59.999Z"},
        {9'223'372'036'855, false, "2262-04-11T23:47:16.855Z"},
        {std::numeric_limits<std::int64_t>::max(), false, "9223372036854775807 ms since 1970"},
        {std::numeric_limits<std::int64_t>::min(), true, "-9223372036854775808 ms since 1970"},
        {-9'223'372'036'856, true, "-9223372036856 ms since 1970"},
    };
    for (const auto& [milliseconds, is_over, shown] : cases) {
        INFO(shown);
        const detail::WallTime end{std::chrono::milliseconds{milliseconds}};
        shop.cache().set_raw("end", sealed("shop:1:end", "\x01", end), never);
        REQUIRE(shop.cache().get<int>("end").found() == !is_over);
        const Ran ran = tool({"get", "end"});
        CHECK(ran.exit == (is_over ? 1 : 0));
        CHECK(ran.out == (is_over ? "" : "1\n"));
        CHECK(ran.err == (is_over ? "cachemodel: end: it has expired\n" : ""));
        const json document = tool.json({"dump", "end"});
        CHECK(document.at("fresh_until") == shown);
        CHECK(document.at("expired") == is_over);
    }
}

TEST_CASE("a model is found under what key_for shows, also under its final key",
          "[tools][get][models]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const Models<Country> countries{shop.cache()};
    const std::string long_code(300, 'x');
    countries.save({.code = long_code, .name = "Long", .neighbours = {}}, never);
    for (const std::string& code : {std::string{"AT"}, long_code}) {
        const std::string key = countries.key_for(code);
        CHECK(tool.json({"get", key}).at("exit") == 0);
        CHECK(tool.json({"get", "--final", "shop:1:" + key}).at("exit") == 0);
        CHECK(
            Tool{shop.url() + "&version=2"}.json({"get", "--final", "shop:1:" + key}).at("exit") ==
            0);
        CHECK(tool.json({"dump", key}).count("other_key") == 0);
    }
    CHECK(tool.json({"get", countries.key_for("AT")}).at("entries").at(0).at("value") ==
          json{{"name", "Austria"}, {"neighbours", {"Italy", "Hungary"}}});
}

TEST_CASE("the prefix, the version and the key function of the URL make the final key",
          "[tools][keys]") {
    const Shop shop;
    const Tool second{shop.url() + "&version=2"};
    const Tool digest{shop.url() + "&key_function=digest"};
    CHECK(second({"set", "greeting", "two"}).exit == 0);
    CHECK(second({"get", "greeting"}).out == "two\n");
    CHECK(second.json({"keys"}).at("keys") == json{"greeting"});
    const std::string long_key(300, 'k');
    CHECK(digest({"set", long_key, "long"}).exit == 0);
    CHECK(digest({"get", long_key}).out == "long\n");
    const Tool tool{shop.url()};
    const auto keys = tool.json({"keys", "sha256-"}).at("keys");
    REQUIRE(keys.size() == 1);
    const auto key = keys.at(0).get<std::string>();
    CHECK(tool({"get", "--final", "shop:1:" + key}).out == "long\n");
    const Ran digested = digest({"erase", key});
    CHECK(digested.exit == 1);
    CHECK(digested.err.find("; a key that was digested is taken with --final\n") !=
          std::string::npos);
    CHECK(digest({"erase", "--final", "shop:1:" + key}).exit == 0);
}

TEST_CASE("keys lists what get takes, at most as many as were asked for", "[tools][keys]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const auto sorted = [&](std::vector<std::string> words) {
        auto keys = tool.json(std::move(words)).at("keys").get<std::vector<std::string>>();
        std::sort(keys.begin(), keys.end());
        return keys;
    };
    CHECK(sorted({"keys"}) == std::vector<std::string>{"Country@1/code=\"AT\"", "basket", "broken",
                                                       "expired", "foreign", "greeting", "visits"});
    CHECK(sorted({"keys", "b"}) == std::vector<std::string>{"basket", "broken"});
    CHECK(sorted({"keys", "--final", "shop:1:b"}) ==
          std::vector<std::string>{"shop:1:basket", "shop:1:broken"});
    CHECK(tool({"keys", "zebra"}).exit == 0);
    CHECK(sorted({"keys", "zebra"}).empty());

    const json some = tool.json({"keys", "--limit", "2"});
    CHECK(some.at("keys").size() == 2);
    CHECK(some.at("complete") == false);
    CHECK(tool.json({"keys", "--limit=7"}).at("complete") == true);
    CHECK(Tool{"memcached://127.0.0.1:1"}.json({"keys"}).at("complete") == false);
}

TEST_CASE("dump says what is wrong, and where", "[tools][dump]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const std::string whole = sealed("shop:1:x", "\xa1\x61k\x01");
    const auto with_flags = [&](char flags, std::size_t size) {
        std::string bytes = whole.substr(0, 12) + std::string(12, 'x');
        bytes[3] = flags;
        return bytes.substr(0, size);
    };
    struct Case {
        std::string bytes;
        std::string problem;
        int offset;
    };
    const std::vector<Case> cases{
        {whole.substr(0, 2), "it ends in the middle of the format", 2},
        {whole.substr(0, 3), "it ends in the middle of the flags", 3},
        {whole.substr(0, 7), "it ends in the middle of the time of writing", 4},
        {whole.substr(0, 13), "it ends in the middle of the length of the key", 12},
        {with_flags(1, 15), "it ends in the middle of the fresh-until", 12},
        {with_flags(2, 15), "it ends in the middle of the load time", 12},
        {with_flags(4, 15), "it ends in the middle of the end of the lease", 12},
        {with_flags(4, 23), "it ends in the middle of the owner of the lease", 20},
        {with_flags(8, 15), "it ends in the middle of the epoch", 12},
        {whole.substr(0, 20), "its key is longer than what is left of it", 12},
        {whole.substr(0, 26), "it ends in the middle of the checksum", 24},
        {whole.substr(0, whole.size() - 1), "its checksum does not fit", 27},
        {"\xcaM\x02" + whole.substr(3), "its format 2 is not known", 2},
        {"\xcaM\x01\x80" + whole.substr(4), "it has flags that are not known", 3},
        {"\xcaM\x01\x20" + whole.substr(4), "it has flags that are not known", 3},
        {sealed("shop:1:x", "\xa1\x61k"), "its body is not CBOR", 24},
        {sealed("shop:1:x", "\x01\x02"), "something follows its body", 25},
        {sealed("shop:1:x", std::string(200, '\x81')), "its body is not CBOR", 24},
        {"", "it does not begin as an entry of cachemodel does, with ca 4d", 0},
        {"99999999999999999999", "the integer does not fit into 64 bits", 0},
    };
    for (const auto& [bytes, problem, offset] : cases) {
        INFO(problem);
        shop.cache().set_raw("x", bytes, never);
        const json document = tool.json({"dump", "x"});
        CHECK(document.at("exit") == 0);
        CHECK(document.at("size") == bytes.size());
        CHECK(document.at("problem") == problem);
        CHECK(document.at("offset") == offset);
        CHECK(tool({"dump", "x"}).out.find(problem) != std::string::npos);
        CHECK(tool({"get", "x"}).exit == 1);
    }
    shop.cache().set_raw("x", whole, never);
    CHECK(tool.json({"dump", "x"}).count("problem") == 0);
}

TEST_CASE("dump tells the remaining lifetime where the backend does", "[tools][dump]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const json ever = tool.json({"dump", "greeting"});
    CHECK(ever.at("expires") == false);
    CHECK(ever.at("remaining_seconds").is_null());
    CHECK(tool({"set", "short", "x", "--timeout", "90min"}).exit == 0);
    const json document = tool.json({"dump", "short"});
    CHECK(document.at("expires") == true);
    const double left = document.at("remaining_seconds").get<double>();
    CHECK((left > 5300 && left <= 5400));
    CHECK(tool({"dump", "short"}).out.find("kept for      1h 29min\n") != std::string::npos);

    const RealMemcached server;
    const Tool other{server.url()};
    CHECK(other({"set", "short", "x"}).exit == 0);
    const json untold = other.json({"dump", "short"});
    CHECK(untold.at("expires").is_null());
    CHECK(untold.at("remaining_seconds").is_null());
}

TEST_CASE("what is not there under a key of another spelling is told how to be reached",
          "[tools][get]") {
    const Shop shop;
    const Tool tool{shop.url()};
    CHECK(tool({"get", "shop:1:greeting"}).err ==
          "cachemodel: shop:1:greeting: nothing is stored, the final key is "
          "shop:1:shop:1:greeting; a key with its prefix and version is taken with --final\n");
    CHECK(tool({"set", "a\nb", "x"}).out == "stored a\\x0ab\n");
    CHECK(tool({"erase", "a\\x0ab"}).err ==
          "cachemodel: a\\\\x0ab: nothing is stored, the final key is shop:1:a\\\\x0ab; a key "
          "as keys writes it is taken with --escaped\n");
    CHECK(tool({"get", "a\\b"}).err ==
          "cachemodel: a\\\\b: nothing is stored, the final key is shop:1:a\\\\b\n");
    CHECK(tool({"erase", "--escaped", "a\\x0ac"}).err ==
          "cachemodel: a\\x0ac: nothing is stored, the final key is shop:1:a\\x0ac\n");
}

TEST_CASE("one byte is not bytes", "[tools][dump]") {
    const Shop shop;
    shop.cache().set("one", 1, never);
    CHECK(Tool{shop.url()}({"dump", "one"}).out.find("size          1 byte\n") !=
          std::string::npos);
}

TEST_CASE("erase says which were there", "[tools][erase]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const json document = tool.json({"erase", "greeting", "nothing", "broken"});
    CHECK(document.at("exit") == 1);
    CHECK(document.at("entries").at(0).at("state") == "erased");
    CHECK(document.at("entries").at(1).at("state") == "absent");
    CHECK(document.at("entries").at(2).at("state") == "erased");
    CHECK(document.at("errors") ==
          json{"nothing: nothing is stored, the final key is shop:1:nothing"});
    CHECK(shop.bytes("greeting").empty());
    CHECK(tool({"erase", "--final", "shop:1:visits"}).exit == 0);
    CHECK(shop.bytes("visits").empty());
}

TEST_CASE("touch gives entries another lifetime, also those that carry their end",
          "[tools][touch]") {
    const Shop shop;
    const Tool tool{shop.url()};
    CHECK(tool({"touch", "visits", "2h"}).out == "touched visits\n");
    const double left = tool.json({"dump", "visits"}).at("remaining_seconds").get<double>();
    CHECK((left > 7100 && left <= 7200));
    CHECK(tool({"touch", "nothing", "2h"}).exit == 1);
    CHECK(tool({"touch", "visits", "0"}).exit == 2);
    CHECK(tool({"touch", "visits", "soon"}).exit == 2);
    CHECK(tool({"touch", "visits", "60&x"}).exit == 2);

    const RealMemcached server;
    const Cache cache = Cache::open(server.url() + "?key_prefix=shop");
    const Models<Country> countries{cache};
    countries.save({.code = "AT", .name = "Austria", .neighbours = {}}, 1500ms);
    cache.set("greeting", "hello", 1500ms);
    const Tool other{server.url() + "?key_prefix=shop"};
    for (const std::string& key : {countries.key_for("AT"), std::string{"greeting"}}) {
        CHECK(other.json({"dump", key}).count("fresh_until") == 1);
        CHECK(other({"touch", key, "1h"}).exit == 0);
        CHECK(other.json({"dump", key}).count("fresh_until") == 0);
        CHECK(other({"get", key}).exit == 0);
    }
    CHECK(countries.find("AT").found());
    CHECK(cache.get<std::string>("greeting").found());

    const Models<Parcel> parcels{Cache::open(shop.url())};
    const std::string parcel = parcels.key_for(1);
    CHECK(parcels.find(1).found());
    CHECK(tool({"touch", parcel, "3h"}).exit == 0);
    const json document = tool.json({"dump", parcel});
    CHECK(document.count("load_seconds") == 1);
    const double kept = document.at("remaining_seconds").get<double>();
    CHECK((kept > 10'700 && kept <= 10'800));
    CHECK(document.count("fresh_until") == 0);
}

TEST_CASE("set stores what programs read", "[tools][set]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const Cache cache = Cache::open(shop.url());
    CHECK(tool({"set", "text", "hello"}).exit == 0);
    CHECK(cache.get<std::string>("text").value_or("") == "hello");
    CHECK(tool({"set", "--integer", "count", "--", "-5"}).exit == 0);
    CHECK(cache.incr("count", 7) == 2);
    CHECK(tool({"set", "--integer", "count", "five"}).exit == 2);
    CHECK(tool({"set", "--escaped", "k\\x0a", "\\\\\\x00"}).exit == 0);
    CHECK(cache.get<std::string>("k\n").value_or("") == std::string("\\\0", 2));
    CHECK(tool({"set", "--escaped", "k\\n", ""}).exit == 2);
    CHECK(Tool{shop.url() + "&timeout=0"}({"set", "text", "x"}).exit == 2);
}

TEST_CASE("clear --prefix leaves other prefixes", "[tools][clear]") {
    const Shop shop;
    const Cache other = shop.cache().with_prefix("shopping");
    other.set("greeting", "hello", never);
    const Tool tool{shop.url() + "&clear=forbid"};
    CHECK(tool.json({"clear", "--prefix", "--yes"}).at("removed") == 7);
    CHECK(shop.bytes("greeting").empty());
    CHECK(other.get<std::string>("greeting").found());
    CHECK(Tool{shop.url()}.json({"clear", "--yes"}).at("exit") == 0);
    CHECK(other.get<std::string>("greeting").absent());
}

TEST_CASE("stats has the facts and the capabilities", "[tools][stats]") {
    const Shop shop;
    const Tool tool{shop.url()};
    const json document = tool.json({"stats"});
    CHECK(document.at("prefix") == "shop");
    CHECK(document.at("version") == 1);
    CHECK(document.at("capabilities").at("lists_keys") == true);
    CHECK(document.at("capabilities").at("largest_value").is_null());
    const json entries{{"subject", ""}, {"name", "entries"}, {"value", "7"}};
    const auto& facts = document.at("facts");
    CHECK(std::find(facts.begin(), facts.end(), entries) != facts.end());
    CHECK(tool({"stats"}).out.find("entries                 7\n") != std::string::npos);
}

TEST_CASE("the tool works on redis", "[tools][redis]") {
    const RealRedis server;
    const Tool tool{"redis+unix://" + server.options().socket + "?key_prefix=shop"};
    CHECK(tool({"set", "greeting", "hello"}).exit == 0);
    CHECK(tool({"get", "greeting"}).out == "hello\n");
    CHECK(tool.json({"keys"}).at("keys") == json{"greeting"});
    CHECK(tool.json({"dump", "greeting"}).at("remaining_seconds").get<double>() > 200);
    CHECK(tool({"clear", "--yes"}).exit == 0);
    CHECK(tool({"erase", "greeting"}).exit == 1);
}

TEST_CASE("help and version need no cache", "[tools][help]") {
    const auto code = [](std::vector<std::string> words) { return run(words).exit; };
    CHECK(code({"cachemodel", "help"}) == 0);
    CHECK(code({"cachemodel", "--help"}) == 0);
    CHECK(run({"cachemodel", "get", "-h"}).out == run({"cachemodel", "help", "get"}).out);
    CHECK(run({"cachemodel", "version"}).out == "cachemodel " + std::string{version_text} + '\n');
    CHECK(run({"cachemodel", "--version"}).out == run({"cachemodel", "version"}).out);
    CHECK(json::parse(run({"cachemodel", "version", "--json"}).out).at("version") ==
          std::string{version_text});
}

}  // namespace cachemodel::support
