// cachemodel: how long an entry lives.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <cachemodel/lifetime.hpp>

#include <cachemodel/cache.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <sstream>
#include <string>
#include <type_traits>

using namespace cachemodel;
using namespace std::chrono_literals;

TEST_CASE("a lifetime is any duration, exactly", "[lifetime]") {
    CHECK(Lifetime{1ns}.duration().count() == 1);
    CHECK(Lifetime{1500us}.duration().count() == 1'500'000);
    CHECK(Lifetime{15min}.duration().count() == 900'000'000'000);
    CHECK(Lifetime{24h * 30 + 1s}.duration().count() == 2'592'001'000'000'000);
    CHECK(Lifetime{9'007'199'254'740'993ns}.duration().count() == 9'007'199'254'740'993);
    CHECK(Lifetime{std::chrono::duration<double>{1.5}}.duration().count() == 1'500'000'000);
    CHECK(Lifetime{std::chrono::duration<int, std::ratio<60>>{2}} == Lifetime{120s});
    CHECK_FALSE(Lifetime{1h}.is_never());
    CHECK_FALSE(Lifetime{1ns}.is_over());
}

TEST_CASE("a lifetime without a duration is never", "[lifetime]") {
    CHECK(Lifetime{}.is_never());
    CHECK(Lifetime{never}.is_never());
    CHECK(Lifetime{} == Lifetime{never});
    CHECK_FALSE(Lifetime{never}.is_over());
}

TEST_CASE("a positive lifetime never shrinks to nothing", "[lifetime]") {
    using Picoseconds = std::chrono::duration<std::int64_t, std::pico>;
    CHECK(Lifetime{Picoseconds{1}}.duration().count() == 1);
    CHECK(Lifetime{Picoseconds{1'999}}.duration().count() == 1);
    CHECK(Lifetime{std::chrono::duration<double>{1e-12}}.duration().count() == 1);
}

TEST_CASE("zero and negative lifetimes are over", "[lifetime]") {
    CHECK(Lifetime{0s}.is_over());
    CHECK(Lifetime{-1ns}.is_over());
    CHECK(Lifetime{-1ns}.is_negative());
    CHECK_FALSE(Lifetime{0s}.is_negative());
    CHECK_FALSE(Lifetime{never}.is_negative());
    CHECK(Lifetime{-1ns} < Lifetime{0s});
    CHECK(Lifetime{-1ns} == Lifetime{-24h});
    CHECK(Lifetime{-24h}.is_over());
    CHECK(Lifetime{std::chrono::hours::min()}.is_over());
    CHECK(Lifetime{std::chrono::nanoseconds::min()}.is_over());
    CHECK(Lifetime{std::chrono::duration<double>{-0.5}}.is_over());
    CHECK(Lifetime{std::chrono::duration<double>{-std::numeric_limits<double>::infinity()}}
              .is_over());
    CHECK_FALSE(Lifetime{-1s}.is_never());
}

TEST_CASE("a lifetime that does not fit is never", "[lifetime]") {
    using DoubleSeconds = std::chrono::duration<double>;
    CHECK(Lifetime{std::chrono::hours::max()}.is_never());
    CHECK(Lifetime{std::chrono::seconds::max()}.is_never());
    CHECK(Lifetime{std::chrono::nanoseconds::max()}.is_never());
    CHECK(Lifetime{24h * 365 * 10'000}.is_never());
    CHECK(Lifetime{DoubleSeconds{1e300}}.is_never());
    CHECK(Lifetime{DoubleSeconds{std::numeric_limits<double>::infinity()}}.is_never());
    CHECK(Lifetime{DoubleSeconds{std::numeric_limits<double>::quiet_NaN()}}.is_never());
    CHECK_FALSE(Lifetime{24h * 365 * 290}.is_never());
}

TEST_CASE("lifetimes are ordered, never is the longest", "[lifetime]") {
    CHECK(Lifetime{1s} < Lifetime{2s});
    CHECK(Lifetime{24h * 365 * 290} < Lifetime{never});
    CHECK(Lifetime{60s} == Lifetime{1min});
}

TEST_CASE("a time point is no lifetime", "[lifetime]") {
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Lifetime, std::chrono::system_clock::time_point>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Lifetime, std::chrono::steady_clock::time_point>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Lifetime, int>);
    STATIC_REQUIRE(std::is_convertible_v<std::chrono::minutes, Lifetime>);
    STATIC_REQUIRE(std::is_convertible_v<Never, Lifetime>);
}

TEST_CASE("lifetimes are known while compiling", "[lifetime]") {
    constexpr Lifetime quarter{15min};
    STATIC_REQUIRE(quarter.duration() == 900s);
    STATIC_REQUIRE(Lifetime{never}.is_never());
}

TEST_CASE("a lifetime is printed in the largest unit that it is a multiple of", "[lifetime]") {
    CHECK(to_string(Lifetime{never}) == "never");
    CHECK(to_string(Lifetime{48h}) == "2d");
    CHECK(to_string(Lifetime{25h}) == "25h");
    CHECK(to_string(Lifetime{300s}) == "5min");
    CHECK(to_string(Lifetime{90s}) == "90s");
    CHECK(to_string(Lifetime{1500ms}) == "1500ms");
    CHECK(to_string(Lifetime{1us}) == "1us");
    CHECK(to_string(Lifetime{1'000'001ns}) == "1000001ns");
    CHECK(to_string(Lifetime{0s}) == "0s");
    CHECK(to_string(Lifetime{-1h}) == "0s");

    std::ostringstream stream;
    stream << Lifetime{15min} << ' ' << Lifetime{};
    CHECK(stream.str() == "15min never");
    CHECK(Catch::Detail::stringify(Lifetime{1s}) == "1s");
}

namespace {

template <class T>
concept Printed = requires(std::ostream& stream, T value) {
    stream << value;
};

}  // namespace

TEST_CASE("what only converts to a lifetime is not printed as one", "[lifetime]") {
    STATIC_REQUIRE(Printed<Lifetime>);
    STATIC_REQUIRE_FALSE(Printed<Never>);
}

TEST_CASE("a printed lifetime is what the timeout of a URL takes", "[lifetime]") {
    for (const Lifetime lifetime :
         {Lifetime{never}, Lifetime{72h}, Lifetime{5h}, Lifetime{15min}, Lifetime{90s},
          Lifetime{1500ms}, Lifetime{7us}, Lifetime{1ns}, Lifetime{0s}}) {
        CHECK(Cache::open("null://?timeout=" + to_string(lifetime)).timeout() == lifetime);
    }
}
