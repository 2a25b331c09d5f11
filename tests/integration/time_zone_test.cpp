// cachemodel: time zones of the process have no part in what is stored.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/json.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/process.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

/// The zone of the process, for as long as this lives. Takes no zone files.
class TimeZone {
 public:
    explicit TimeZone(const char* zone) : before_(now()) { set(zone); }
    ~TimeZone() { set(before_.c_str()); }
    TimeZone(const TimeZone&) = delete;
    TimeZone& operator=(const TimeZone&) = delete;

 private:
    static std::string now() {
        const char* const zone = std::getenv("TZ");
        return zone == nullptr ? "" : zone;
    }
    static void set(const char* zone) {
        if (*zone == '\0') {
            ::unsetenv("TZ");
        } else {
            ::setenv("TZ", zone, 1);
        }
        ::tzset();
    }

    std::string before_;
};

constexpr auto new_york = "EST5EDT,M3.2.0,M11.1.0";
constexpr auto auckland = "NZST-12NZDT,M9.5.0,M4.1.0/3";

/// The hour of a clock on the wall.
int local_hour(const Clock& clock) {
    const std::time_t now = std::chrono::system_clock::to_time_t(clock.wall());
    std::tm local{};
    ::localtime_r(&now, &local);
    return local.tm_hour;
}

struct Departure {
    std::chrono::system_clock::time_point at;
    Json<nlohmann::json> notes;
};

}  // namespace

TEST_CASE("neither another time zone nor the end of summer time changes an entry or its lifetime",
          "[cache][expiry]") {
    const TemporaryDirectory directory;
    const auto path = directory.path().string();
    const std::string scheme = GENERATE("memory", "file", "sqlite");
    const std::string url = scheme == "memory" ? "memory://"
                            : scheme == "file" ? "file://" + path + "/files?deadline=20s"
                                               : "sqlite://" + path + "/cache.db?deadline=20s";
    INFO(url);
    TurnableClock clock;
    clock.adjust_wall(306 * 24h + 5h + 40min);  // 2030-11-03 05:40, 20 minutes before winter
    const auto departure = clock.wall() + 30min;
    const nlohmann::json notes{{"gate", 7}};

    const TimeZone at_first{"UTC0"};
    const Cache cache = Cache::open(url, clock);
    cache.set("flight", Departure{departure, notes}, 1h);
    cache.set("counter", 1, 1h);
    const int utc_hour = local_hour(clock);

    const TimeZone moved{new_york};
    REQUIRE(utc_hour == 5);
    REQUIRE(local_hour(clock) == 1);
    // Another handle has nothing in memory, but for memory:// itself.
    const Cache again = scheme == "memory" ? cache : Cache::open(url, clock);
    const auto expect_all = [&](Lifetime left) {
        const auto flight = again.get<Departure>("flight");
        REQUIRE(flight.found());
        CHECK(flight->at == departure);
        CHECK(*flight->notes == notes);
        Lifetime told;
        CHECK(again.backend().remaining_lifetime(again.final_key("counter"), told).done());
        CHECK(told == left);
    };
    expect_all(1h);

    clock.advance(30min);
    REQUIRE(local_hour(clock) == 1);  // once more
    expect_all(30min);
    again.touch("flight", 2h);
    CHECK(again.incr("counter") == 2);

    const TimeZone moved_far{auckland};
    REQUIRE(local_hour(clock) == 19);
    expect_all(30min);
    clock.advance(30min - 1ms);
    CHECK(again.get_or("counter", 0) == 2);
    clock.advance(1ms);
    CHECK(again.get_or("counter", 0) == 0);
    clock.advance(90min - 1ms);
    CHECK(again.contains("flight"));
    clock.advance(1ms);
    CHECK_FALSE(again.contains("flight"));
}
