// cachemodel example: a program that keeps its entries in a backend of its own.
// SPDX-License-Identifier: MIT
#include "own_backend.hpp"

#include <cachemodel/cachemodel.hpp>
#include <cachemodel/schemes.hpp>

#include <iostream>
#include <memory>

using namespace cachemodel;

struct Rate {
    Key<std::string> pair;
    Field<double> value;
};

int main() {
    // [register]
    register_scheme("map", &own::open_map);  // once, before the first URL that names it
    caches().configure("default", "map://?max_entries=1000&key_prefix=site1");
    // [/register]
    CacheModel{Rate{.pair = "EURUSD", .value = 1.25}}.save();
    std::cout << CacheModel<Rate>::get("EURUSD").value << '\n';

    // [handed]
    const auto map = std::make_shared<own::MapBackend>(1, Clock::machine());
    const Models<Rate> rates{Cache{map}};
    rates.save({.pair = "EURUSD", .value = 1.25});
    try {
        rates.save({.pair = "USDJPY", .value = 150});
    } catch (const BackendError& error) {
        std::cout << error.what() << '\n';
    }
    // [/handed]
}
