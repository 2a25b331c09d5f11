// cachemodel: a hit of a model takes nothing from the heap that the model itself does not keep.
// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cachemodel/cachemodel.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace weather {

struct Reading {
    Key<std::int64_t> station;
    Field<std::int64_t> taken_at;
    Field<double> temperature;
    Field<double> pressure;
    Field<int> humidity;
    Field<bool> is_calibrated;

    bool operator==(const Reading&) const = default;
};

/// With all that a hit may have to look at: an end, a loader, a stale window.
struct Forecast {
    static constexpr ModelOptions cache_options{.expires = 1h};

    Key<std::string> place;  // short enough for the string itself
    Key<int> day;
    Field<double> temperature;

    void from_miss() { temperature = -1.0; }
    bool operator==(const Forecast&) const = default;
};

}  // namespace weather

namespace {

using weather::Forecast;
using weather::Reading;

const Reading reading{.station = 1'234'567'890'123,
                      .taken_at = 1'753'264'800,
                      .temperature = 21.25,
                      .pressure = 1013.2,
                      .humidity = 64,
                      .is_calibrated = true};
const Forecast forecast{.place = "Trieste", .day = 3, .temperature = 24.5};

/// Of the second call: the first makes what a thread or a cache makes once.
template <class Call>
std::size_t allocations_of(Call call) {
    call();
    const auto before = allocations_of_this_thread();
    call();
    return allocations_of_this_thread() - before;
}

}  // namespace

TEST_CASE("a hit of a model without heap members allocates nothing", "[models][allocation]") {
    const Cache cache = Cache::open("memory://");
    const Models<Reading> readings{cache};
    const Models<Forecast> forecasts{cache};
    readings.save(reading);
    forecasts.save(forecast);

    Reading read;
    CHECK(allocations_of([&] { read = readings.get(std::int64_t{1'234'567'890'123}); }) == 0);
    CHECK(read == reading);
    CHECK(allocations_of([&] { read = *readings.find(std::int64_t{1'234'567'890'123}); }) == 0);
    CHECK(read == reading);

    Forecast told;
    CHECK(allocations_of([&] { told = forecasts.get("Trieste", 3); }) == 0);
    CHECK(told == forecast);
    CHECK(cache.statistics().hits == 6);
    CHECK(cache.statistics().loads == 0);
}
