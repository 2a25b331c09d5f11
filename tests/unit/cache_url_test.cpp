// cachemodel: tests of the cache URL.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_url.hpp>

#include <cachemodel/cache.hpp>
#include <cachemodel/error.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using cachemodel::CacheUrl;
using cachemodel::ConfigError;

constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();
constexpr std::uint64_t any_integer = std::numeric_limits<std::uint64_t>::max();

/// The message of the `ConfigError` that `action` throws.
template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "it was accepted";
}

std::string refusal_of(std::string_view url) {
    return refusal([url] { CacheUrl::parse(url); });
}

}  // namespace

TEST_CASE("each kind of cache URL is taken apart", "[cache_url][unit]") {
    SECTION("a store in memory, with a name and an option") {
        auto url = CacheUrl::parse("memory://name?max_bytes=64MiB");
        CHECK(url.scheme() == "memory");
        REQUIRE(url.hosts().size() == 1);
        CHECK(url.hosts()[0].name == "name");
        CHECK_FALSE(url.hosts()[0].port.has_value());
        CHECK(url.path().empty());
        CHECK(url.take_size("max_bytes", 1, 1, any_size) == 67'108'864);
    }
    SECTION("nothing but a scheme") {
        const auto url = CacheUrl::parse("null://");
        CHECK(url.scheme() == "null");
        CHECK(url.hosts().empty());
        CHECK(url.path().empty());
        CHECK(url.user().empty());
        CHECK(url.password().empty());
    }
    SECTION("two servers") {
        const auto url = CacheUrl::parse("memcached://10.0.0.1:11211,cache-2.example.org");
        REQUIRE(url.hosts().size() == 2);
        CHECK(url.hosts()[0].name == "10.0.0.1");
        CHECK(url.hosts()[0].port == 11211);
        CHECK(url.hosts()[1].name == "cache-2.example.org");
        CHECK_FALSE(url.hosts()[1].port.has_value());
    }
    SECTION("a unix socket") {
        const auto url = CacheUrl::parse("memcached:///run/memcached.sock");
        CHECK(url.hosts().empty());
        CHECK(url.path() == "/run/memcached.sock");
    }
    SECTION("a password and a database") {
        const auto url = CacheUrl::parse("redis://:p%40ss%3A%2F%3F%23%25@host:6379/1");
        CHECK(url.user().empty());
        CHECK(url.password() == "p@ss:/?#%");
        REQUIRE(url.hosts().size() == 1);
        CHECK(url.hosts()[0].name == "host");
        CHECK(url.hosts()[0].port == 6379);
        CHECK(url.path() == "/1");
    }
    SECTION("a scheme with a sign in it, a socket and a login") {
        auto url = CacheUrl::parse("redis+unix://ann:pw@/run/redis.sock?db=1");
        CHECK(url.scheme() == "redis+unix");
        CHECK(url.user() == "ann");
        CHECK(url.password() == "pw");
        CHECK(url.hosts().empty());
        CHECK(url.path() == "/run/redis.sock");
        CHECK(url.take_integer("db", 0, 0, 15) == 1);
    }
    SECTION("a colon in a password") {
        CHECK(CacheUrl::parse("redis://ann:a:b@host").password() == "a:b");
    }
    SECTION("IPv6 addresses") {
        const auto url = CacheUrl::parse("memcached://[::1]:11211,[2001:db8::7]");
        REQUIRE(url.hosts().size() == 2);
        CHECK(url.hosts()[0].name == "::1");
        CHECK(url.hosts()[0].port == 11211);
        CHECK(url.hosts()[1].name == "2001:db8::7");
        CHECK_FALSE(url.hosts()[1].port.has_value());
    }
}

TEST_CASE("a path that lost a slash is seen as a host, for the backend to refuse",
          "[cache_url][unit]") {
    const auto url = CacheUrl::parse("memcached://run/memcached.sock");
    REQUIRE(url.hosts().size() == 1);
    CHECK(url.hosts()[0].name == "run");
    CHECK(url.path() == "/memcached.sock");
}

TEST_CASE("a scheme is read in any case", "[cache_url][unit]") {
    CHECK(CacheUrl::parse("MemCached://host").scheme() == "memcached");
}

TEST_CASE("paths and options are percent-decoded exactly once", "[cache_url][unit]") {
    auto url = CacheUrl::parse(
        "file:///var/my%20cache/%2541/m\xc3\xbcnchen?"
        "a=%253A&b=1+1&c=x%26y%3dz&d=&e=f=g&h=%C3%BC");
    CHECK(url.path() == "/var/my cache/%41/m\xc3\xbcnchen");
    CHECK(url.take_text("a", "") == "%3A");
    CHECK(url.take_text("b", "") == "1+1");
    CHECK(url.take_text("c", "") == "x&y=z");
    CHECK(url.take_text("d", "other").empty());
    CHECK(url.take_text("e", "") == "f=g");
    CHECK(url.take_text("h", "") == "\xc3\xbc");
    CHECK_NOTHROW(url.expect_all_taken());
}

TEST_CASE("a malformed URL is an error that names the part", "[cache_url][unit]") {
    using Catch::Matchers::Contains;
    struct Malformed {
        std::string url;
        std::string says;
    };
    const std::vector<Malformed> all{
        {"", "does not begin with a scheme"},
        {"127.0.0.1:11211", "does not begin with a scheme"},
        {"memory:name", "does not begin with a scheme"},
        {"memory:/name", "does not begin with a scheme"},
        {"://name", "its scheme is not"},
        {"1st://name", "its scheme is not"},
        {"mem_ory://name", "its scheme is not"},
        {"m\xc3\xa9m://name", "its scheme is not"},
        {"memory://na me", "a space or a control character"},
        {"memory://name\n", "a space or a control character"},
        {"memory://name\x7f", "a space or a control character"},
        {"memory://na\0me"s, "a space or a control character"},
        {"memory://name#top", "fragment"},
        {"memory://name?a=1#top", "fragment"},
        {"memcached://a,,b", "host 2 of the list is empty"},
        {"memcached://,b", "host 1 of the list is empty"},
        {"memcached://a,", "host 2 of the list is empty"},
        {"memcached://:11211", "host 1 has a port, but no name"},
        {"memcached://a:", "the port of host 1 (a) is not a number from 1 to 65535"},
        {"memcached://a:0", "the port of host 1 (a)"},
        {"memcached://a:65536", "the port of host 1 (a)"},
        {"memcached://a,b:99999999999999999999", "the port of host 2 (b)"},
        {"memcached://a:+1", "the port of host 1 (a)"},
        {"memcached://a:-1", "the port of host 1 (a)"},
        {"memcached://a:11211x", "the port of host 1 (a)"},
        {"memcached://[::1]11211", "the port of host 1 (::1)"},
        {"memcached://[::1]:", "the port of host 1 (::1)"},
        {"memcached://::1", "host 1 has more than one colon; an IPv6 address stands in brackets"},
        {"memcached://a:1:2", "host 1 has more than one colon"},
        {"memcached://[::1", "host 1 lacks a closing bracket"},
        {"memcached://[]", "host 1 has brackets, but no IPv6 address"},
        {"memcached://[10.0.0.1]", "host 1 has brackets, but no IPv6 address"},
        {"memcached://[::g]", "host 1 has brackets, but no IPv6 address"},
        {"memcached://a%41", "host 1 has a character"},
        {"memcached://m\xc3\xbcnchen", "host 1 has a character"},
        {"memcached://a]", "host 1 has a character"},
        {"memcached:///run/%zz", "the path is not percent-encoded"},
        {"memcached:///run/%4", "the path is not percent-encoded"},
        {"memcached:///run/%", "the path is not percent-encoded"},
        {"memcached:///run/%00", "the path is not percent-encoded"},
        {"memory://?a=%0a", "the value of option \"a\" is not percent-encoded"},
        {"memory://?a=%+1", "the value of option \"a\" is not percent-encoded"},
        {"redis://us%er@host", "the user is not percent-encoded"},
        {"redis://user:%1@host", "the password is not percent-encoded"},
        {"redis://user@", "a user or password, but no host"},
        {"redis://@", "a user or password, but no host"},
        {"redis://a@b@host", "an @ stands where none may"},
        {"memory://?", "option 1 has no name"},
        {"memory://?=1", "option 1 has no name"},
        {"memory://?a=1&", "option 2 has no name"},
        {"memory://?a=1&&b=2", "option 2 has no name"},
        {"memory://?a", "option \"a\" has no value"},
        {"memory://?a%20b=1", "the name of option 1 has a character"},
        {"memory://?a=1&a=1", "option \"a\" is given twice"},
    };
    for (const auto& [url, says] : all) {
        INFO(url);
        CHECK_THAT(refusal_of(url), Contains(says));
        CHECK_THAT(refusal_of(url), Contains("cache URL"));
    }
}

TEST_CASE("neither an error nor the shown URL quotes a password", "[cache_url][unit]") {
    using Catch::Matchers::Contains;
    // The second half would pass for a host, a port, a path or an option, if anybody let it.
    const std::vector<std::string> malformed{
        "redis://user:secret",
        "redis://:secret",
        "redis://user:sec/secret@host",
        "redis://user:1234/secret@host",
        "redis://user:sec?secret@host",
        "redis://user:sec#secret@host",
        "redis://user:sec@secret@host",
        "redis://user:%secret@host",
        "redis://user:secret%00@host",
        "redis://user:secret@host:0",
        "redis://user:secret@host,",
        "redis://user:secret@ho%st",
        "redis://user:secret@host?a",
        "redis://user:secret@host/%",
        "redis://user:secret@",
        "redis://user:secret @host",
        "user:secret@host",
        "user:secret@host://",
    };
    for (const auto& url : malformed) {
        INFO(url);
        CHECK_THAT(refusal_of(url), Contains("cache URL"));
        CHECK_THAT(refusal_of(url), !Contains("secret"));
    }

    auto url = CacheUrl::parse("redis://user:s%65cret@host:6379,other/1?db=x&rest=1");
    CHECK(url.redacted() == "redis://user:***@host:6379,other/1?db=x&rest=1");
    CHECK(refusal([&] { url.take_integer("db", 0, 0, 15); }) ==
          "cache URL (redis): option db=x: expected is a whole number from 0 to 15");
    CHECK(refusal([&] { url.expect_all_taken(); }) ==
          "cache URL (redis): there is no option named rest; it takes db, lenient");
}

TEST_CASE("a URL is shown as it was written", "[cache_url][unit]") {
    CHECK(CacheUrl::parse("memory://").redacted() == "memory://");
    CHECK(CacheUrl::parse("redis://user@host").redacted() == "redis://user@host");
    CHECK(CacheUrl::parse("redis://:@host").redacted() == "redis://:***@host");
    CHECK(CacheUrl::parse("redis+unix://:pw@/a%20b?db=1").redacted() ==
          "redis+unix://:***@/a%20b?db=1");

    auto url = CacheUrl::parse("memcached://[::1]:1,b?deadline=1s");
    url.take_duration("deadline", 1ms, 1ms, 1h);
    CHECK(url.redacted() == "memcached://[::1]:1,b?deadline=1s");
}

TEST_CASE("options that are not given have the value that the taker names", "[cache_url][unit]") {
    auto url = CacheUrl::parse("memory://");
    CHECK(url.take_text("a", "text") == "text");
    CHECK(url.take_size("b", 7, 10, 20) == 7);
    CHECK(url.take_integer("c", 3, 5, 6) == 3);
    CHECK(url.take_duration("d", -1ns, 1s, 2s) == -1ns);
}

TEST_CASE("sizes have binary units and bounds", "[cache_url][unit]") {
    const auto size = [](const std::string& text, std::size_t most = any_size) {
        return CacheUrl::parse("memory://?s=" + text).take_size("s", 1, 0, most);
    };
    CHECK(size("0") == 0);
    CHECK(size("1000") == 1'000);
    CHECK(size("3KiB") == 3'072);
    CHECK(size("64MiB") == 67'108'864);
    CHECK(size("2GiB") == 2'147'483'648);
    CHECK(size("18446744073709551615") == 18'446'744'073'709'551'615ULL);
    CHECK(size("17179869183GiB") == 18'446'744'072'635'809'792ULL);
    for (const char* wrong : {"", "KiB", "1kib", "1KB", "1M", "1.5MiB", "-1", "+1", "0x10", "1KiB1",
                              "1%20KiB", "17179869184GiB", "18446744073709551616"}) {
        INFO(wrong);
        CHECK_THROWS_AS(size(wrong), ConfigError);
    }
    CHECK(refusal([&] { size("2MiB", 1'048'576); }) ==
          "cache URL (memory): option s=2MiB: expected is a size such as 512KiB or 64MiB, from 0 "
          "to 1MiB");
}

TEST_CASE("durations have units and bounds", "[cache_url][unit]") {
    const auto duration = [](const std::string& text,
                             std::chrono::nanoseconds least = std::chrono::nanoseconds::min(),
                             std::chrono::nanoseconds most = std::chrono::nanoseconds::max()) {
        return CacheUrl::parse("memory://?d=" + text).take_duration("d", 1ns, least, most);
    };
    CHECK(duration("7ns") == 7ns);
    CHECK(duration("7us") == 7'000ns);
    CHECK(duration("250ms") == 250'000'000ns);
    CHECK(duration("30s") == 30'000'000'000ns);
    CHECK(duration("15min") == 900'000'000'000ns);
    CHECK(duration("2h") == 7'200'000'000'000ns);
    CHECK(duration("106751d") == 9'223'286'400'000'000'000ns);
    CHECK(duration("0s") == 0ns);
    for (const char* wrong :
         {"", "0", "60", "s", "1m", "1S", "1.5s", "-1s", "1s1ms", "1%20s", "never", "106752d",
          "9223372036854775808ns", "18446744074s", "300000000000000d"}) {
        INFO(wrong);
        CHECK_THROWS_AS(duration(wrong), ConfigError);
    }
    CHECK_THROWS_AS(duration("9ms", 10ms, 20ms), ConfigError);
    CHECK(duration("10ms", 10ms, 20ms) == 10ms);
    CHECK(duration("20ms", 10ms, 20ms) == 20ms);
    CHECK(refusal([&] { duration("21ms", 10ms, 3'600s); }) == "it was accepted");
    CHECK(refusal([&] { duration("2h", 10ms, 3'600s); }) ==
          "cache URL (memory): option d=2h: expected is a duration such as 250ms, 30s or 15min, "
          "from 10ms to 1h");
}

TEST_CASE("whole numbers are read strictly", "[cache_url][unit]") {
    const auto integer = [](const std::string& text) {
        return CacheUrl::parse("memory://?n=" + text).take_integer("n", 1, 0, any_integer);
    };
    CHECK(integer("0") == 0);
    CHECK(integer("007") == 7);
    CHECK(integer("18446744073709551615") == 18'446'744'073'709'551'615ULL);
    for (const char* wrong : {"", "-1", "+1", "1.0", "1e3", "18446744073709551616", "1x", "x"}) {
        INFO(wrong);
        CHECK_THROWS_AS(integer(wrong), ConfigError);
    }
}

TEST_CASE("numbers with a fraction are read in full, and below their bound", "[cache_url][unit]") {
    const auto number = [](const std::string& text, double beyond = 1e300) {
        return CacheUrl::parse("memory://?n=" + text).take_number("n", 7, 0, beyond);
    };
    CHECK(number("0") == 0);
    CHECK(number("007") == 7);
    CHECK(number("0.1") == 0.1);
    CHECK(number(".5") == 0.5);
    CHECK(number("2.") == 2);
    CHECK(number("123456789.125") == 123456789.125);
    CHECK(number("0.999", 1) == 0.999);
    for (const char* wrong :
         {"", ".", "-0.1", "+1", "1e3", "1,5", "0x1", "nan", "inf", "1s", "x"}) {
        INFO(wrong);
        CHECK_THROWS_AS(number(wrong), ConfigError);
    }
    CHECK(refusal([&] { number("1", 1); }) ==
          "cache URL (memory): option n=1: expected is a number such as 2 or 0.1, from 0 to less "
          "than 1");
    CHECK(refusal([] { CacheUrl::parse("memory://?n=1").take_number("n", 7, 1.5, 2.25); }) ==
          "cache URL (memory): option n=1: expected is a number such as 2 or 0.1, from 1.5 to less "
          "than 2.25");
    CHECK(CacheUrl::parse("memory://").take_number("n", 7, 0, 1) == 7);
    auto lenient = CacheUrl::parse("memory://?n=2&lenient=true");
    CHECK(lenient.take_number("n", 0.5, 0, 1) == 0.5);
    CHECK(lenient.warnings().size() == 1);
}

TEST_CASE("a lifetime may have bounds, which no negative number is within", "[cache_url][unit]") {
    using cachemodel::Lifetime;
    using cachemodel::never;
    const auto lifetime = [](const std::string& text, Lifetime least, Lifetime most) {
        return CacheUrl::parse("memory://?t=" + text).take_lifetime("t", Lifetime{7s}, least, most);
    };
    CHECK((lifetime("0", 0s, never) == Lifetime{0s}));
    CHECK((lifetime("-0", 0s, never) == Lifetime{0s}));
    CHECK((lifetime("1.5", 0s, never) == Lifetime{1500ms}));
    CHECK((lifetime("15min", 0s, never) == Lifetime{15min}));
    CHECK(lifetime("never", 0s, never).is_never());
    CHECK(lifetime("none", 0s, never).is_never());
    CHECK((lifetime("2s", 2s, 3s) == Lifetime{2s}));
    CHECK((lifetime("3", 2s, 3s) == Lifetime{3s}));
    CHECK((CacheUrl::parse("memory://").take_lifetime("t", Lifetime{7s}, 1s, 2s) == Lifetime{7s}));
    for (const char* wrong : {"1999ms", "3.001", "0", "-1", "-2", "never", "none", "", "x"}) {
        INFO(wrong);
        CHECK(refusal([&] { lifetime(wrong, 2s, 3s); }) ==
              "cache URL (memory): option t=" + std::string{wrong} +
                  ": expected is a number of seconds such as 60 or 1.5 or a duration such as "
                  "15min, from 2s to 3s");
    }
    CHECK_THROWS_AS(lifetime("-1", 0s, never), ConfigError);
    auto lenient = CacheUrl::parse("memory://?t=-1&lenient=true");
    CHECK((lenient.take_lifetime("t", Lifetime{7s}, 0s, never) == Lifetime{7s}));
    REQUIRE(lenient.warnings().size() == 1);
    CHECK_THAT(lenient.warnings()[0], Catch::Matchers::Contains("from 0s to never"));
}

TEST_CASE("an option that nobody takes is an error naming it and what there is",
          "[cache_url][unit]") {
    auto url = CacheUrl::parse("memory://?max_bites=1&tiemout=2s&max_entries=5");
    CHECK(url.take_size("max_bytes", 9, 0, any_size) == 9);
    CHECK(url.take_integer("max_entries", 0, 0, 10) == 5);
    CHECK(refusal([&] { url.expect_all_taken(); }) ==
          "cache URL (memory): there are no options named max_bites, tiemout; max_bites may be "
          "meant as "
          "max_bytes; it takes lenient, max_bytes, max_entries");
    CHECK(refusal([] { CacheUrl::parse("null://?a=1").expect_all_taken(); }) ==
          "cache URL (null): there is no option named a; it takes lenient");
}

TEST_CASE("a range of durations begins at 0s, one of sizes at 0", "[cache_url][unit]") {
    auto url = CacheUrl::parse("memory://?wait=2h&room=2MiB");
    CHECK(refusal([&] { url.take_duration("wait", 1s, 0ns, 1h); }) ==
          "cache URL (memory): option wait=2h: expected is a duration such as 250ms, 30s or 15min, "
          "from 0s to 1h");
    CHECK(refusal([&] { url.take_size("room", 1, 0, 1024); }) ==
          "cache URL (memory): option room=2MiB: expected is a size such as 512KiB or 64MiB, from "
          "0 to 1KiB");
}

TEST_CASE("whatever happens to a URL, it parses or is a ConfigError", "[cache_url][unit]") {
    const std::string whole =
        "redis+unix://us%41er:p%40ss@[2001:db8::7]:6379,cache-2.example.org:1/var/a%20b/c"
        "?deadline=250ms&max_bytes=64MiB&name=%C3%BC";
    REQUIRE_NOTHROW(CacheUrl::parse(whole));

    std::size_t parsed = 0;
    std::size_t refused = 0;
    const auto attempt = [&](const std::string& text) {
        try {
            auto url = CacheUrl::parse(text);
            url.take_duration("deadline", 1ms, 0ns, 1h);
            url.take_size("max_bytes", 1, 0, any_size);
            url.take_text("name", "");
            url.expect_all_taken();
            ++parsed;
        } catch (const ConfigError&) {
            ++refused;
        }
    };
    for (std::size_t length = 0; length < whole.size(); ++length) attempt(whole.substr(0, length));
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (int byte = 0; byte < 256; ++byte) {
            auto mutated = whole;
            mutated[i] = static_cast<char>(byte);
            attempt(mutated);
        }
        attempt(whole.substr(0, i) + whole.substr(i + 1));
    }
    CHECK(parsed + refused == whole.size() * 258);
    CHECK(parsed > 1'000);
    CHECK(refused > 1'000);
}

// ---- what the options of a cache are read with

TEST_CASE("the names of options are read in any case, and given once all the same",
          "[cache_url][unit]") {
    auto url = CacheUrl::parse("memory://?TIMEOUT=60&Max_Bytes=1MiB&key_PREFIX=Shop");
    CHECK((url.take_lifetime("timeout", cachemodel::never) == cachemodel::Lifetime{60s}));
    CHECK(url.take_size("max_bytes", 1, 1, any_size) == 1'048'576);
    CHECK(url.take_text("key_prefix", "") == "Shop");
    CHECK_NOTHROW(url.expect_all_taken());
    CHECK_THROWS_AS(CacheUrl::parse("memory://?timeout=1&TimeOut=2"), ConfigError);
}

TEST_CASE("a lifetime is a number of seconds, a duration, or never", "[cache_url][unit]") {
    using cachemodel::Lifetime;
    using cachemodel::never;
    const auto lifetime = [](const std::string& text) {
        auto url = CacheUrl::parse("memory://?timeout=" + text);
        const auto read = url.take_lifetime("timeout", Lifetime{300s});
        CHECK(url.warnings().empty() == !text.starts_with('-'));
        return read;
    };
    CHECK((lifetime("none") == Lifetime{never}));
    CHECK((lifetime("never") == Lifetime{never}));
    CHECK((lifetime("60") == Lifetime{60s}));
    CHECK((lifetime("1.5") == Lifetime{1500ms}));
    CHECK((lifetime("0.001") == Lifetime{1ms}));
    CHECK((lifetime("15min") == Lifetime{900s}));
    CHECK((lifetime("250ms") == Lifetime{250ms}));
    CHECK((lifetime("0") == Lifetime{0s}));
    CHECK(lifetime("0").is_over());
    CHECK(lifetime("0s").is_over());
    CHECK(lifetime("-1").is_over());
    CHECK(lifetime("-0.5").is_over());
    CHECK((lifetime("99999999999999999999") == Lifetime{never}));
    for (const char* wrong : {"abc", "", "1e3", "1.5.5", "nan", "inf", "+1", "1%20s", "NEVER",
                              "0x10", "1,5", "-1s", "60x"}) {
        INFO(wrong);
        CHECK_THROWS_AS(lifetime(wrong), ConfigError);
    }
    auto url = CacheUrl::parse("memory://?timeout=abc");
    CHECK(refusal([&] { url.take_lifetime("timeout", never); }) ==
          "cache URL (memory): option timeout=abc: expected is a number of seconds such as 60 or "
          "1.5, a duration such as 15min, or never");
    CHECK(
        (CacheUrl::parse("memory://").take_lifetime("timeout", Lifetime{300s}) == Lifetime{300s}));
}

TEST_CASE("a negative lifetime is taken with a warning", "[cache_url][unit]") {
    auto url = CacheUrl::parse("memory://?timeout=-1");
    CHECK(url.take_lifetime("timeout", cachemodel::never).is_over());
    CHECK(url.warnings() ==
          std::vector<std::string>{"option timeout=-1: what is stored has expired at once"});
}

TEST_CASE("flags and choices are read strictly", "[cache_url][unit]") {
    const auto flag = [](const std::string& text) {
        return CacheUrl::parse("memory://?f=" + text).take_flag("f", false);
    };
    CHECK(flag("true"));
    CHECK(flag("1"));
    CHECK_FALSE(flag("false"));
    CHECK_FALSE(flag("0"));
    for (const char* wrong : {"", "yes", "no", "TRUE", "on", "2"}) {
        INFO(wrong);
        CHECK_THROWS_AS(flag(wrong), ConfigError);
    }
    CHECK(CacheUrl::parse("memory://").take_flag("f", true));

    constexpr std::string_view choices[] = {"ignore", "warn", "error"};
    const auto choice = [&](const std::string& text) {
        return CacheUrl::parse("memory://?c=" + text).take_choice("c", choices, 1);
    };
    CHECK(choice("ignore") == 0);
    CHECK(choice("error") == 2);
    CHECK(CacheUrl::parse("memory://").take_choice("c", choices, 1) == 1);
    CHECK(refusal([&] { choice("loud"); }) ==
          "cache URL (memory): option c=loud: expected is ignore or warn or error");
    CHECK_THROWS_AS(choice(""), ConfigError);
}

TEST_CASE("a lenient URL has warnings in the place of errors about options", "[cache_url][unit]") {
    using cachemodel::Lifetime;
    auto url =
        CacheUrl::parse("memory://?timeout=abc&max_entries=x&f=maybe&nonsense=1&lenient=true");
    CHECK((url.take_lifetime("timeout", Lifetime{300s}) == Lifetime{300s}));
    CHECK(url.take_integer("max_entries", 300, 1, any_integer) == 300);
    CHECK(url.take_flag("f", true));
    CHECK_NOTHROW(url.expect_all_taken());
    REQUIRE(url.warnings().size() == 4);
    CHECK_THAT(url.warnings()[0], Catch::Matchers::Contains("timeout=abc"));
    CHECK_THAT(url.warnings()[1], Catch::Matchers::Contains("max_entries=x"));
    CHECK_THAT(url.warnings()[3], Catch::Matchers::Contains("nonsense"));
    // What is no matter of options is an error all the same, and what is fine is taken.
    CHECK_THROWS_AS(CacheUrl::parse("memory://na me?lenient=true"), ConfigError);
    auto fine = CacheUrl::parse("memory://?timeout=60&lenient=1");
    CHECK((fine.take_lifetime("timeout", cachemodel::never) == Lifetime{60s}));
    CHECK(fine.warnings().empty());
    CHECK_THROWS_AS(CacheUrl::parse("memory://?lenient=perhaps"), ConfigError);
}

TEST_CASE("a misspelt option is shown with the one that may be meant", "[cache_url][unit]") {
    auto url = CacheUrl::parse("memory://?timout=60");
    CHECK((url.take_lifetime("timeout", cachemodel::never) ==
           cachemodel::Lifetime{cachemodel::never}));
    CHECK(refusal([&] { url.expect_all_taken(); }) ==
          "cache URL (memory): there is no option named timout; timout may be meant as timeout; "
          "it takes lenient, timeout");
}

TEST_CASE("an option of another name is shown with the one that is meant", "[cache_url][unit]") {
    const auto refused = [](const std::string& options) {
        return refusal([&] { (void)cachemodel::Cache::open("memory://?" + options); });
    };
    CHECK(refused("stale_while_revalidate=1h")
              .starts_with("cache URL (memory): there is no option named stale_while_revalidate; "
                           "stale_while_revalidate may be meant as stale_while_refresh; it takes"));
    CHECK(refused("ttl=1h").find("; ttl may be meant as timeout; it takes") != std::string::npos);
    CHECK(refused("expires=1h")
              .starts_with("cache URL (memory): there is no option named expires; models and calls "
                           "have an expires of their own, and values of the cache the timeout; "
                           "it takes"));
}

TEST_CASE("a duration in another spelling is shown with the one that may be meant",
          "[cache_url][unit]") {
    const auto hint = [](const std::string& value) {
        const std::string message = refusal([&] {
            (void)CacheUrl::parse("memory://?t=" + value).take_lifetime("t", cachemodel::never);
        });
        const auto semicolon = message.find(';');
        return semicolon == std::string::npos ? "" : message.substr(semicolon);
    };
    CHECK(hint("10m") == "; 10min may be meant");
    CHECK(hint("10sec") == "; 10s may be meant");
    CHECK(hint("2Hours") == "; 2h may be meant");
    CHECK(hint("10MIN") == "; 10min may be meant");
    CHECK(hint("7days") == "; 7d may be meant");
    CHECK(hint("m").empty());
    CHECK(hint("10x").empty());
    CHECK(hint("999999999999999d").empty());
    CHECK(refusal([] {
              (void)CacheUrl::parse("memory://?t=10m").take_lifetime("t", 1s, 0s, 86'400s);
          }).ends_with("from 0s to 1d; 10min may be meant"));
    CHECK(refusal([] {
              (void)CacheUrl::parse("memory://?t=10m").take_duration("t", 1s, 0s, 3'600s);
          }).ends_with("from 0s to 1h; 10min may be meant"));
}
