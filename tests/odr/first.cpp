// cachemodel: the translation unit that writes.
// SPDX-License-Identifier: MIT
#include "everything.hpp"

int Orbit::length() const {
    static int runs = 0;
    return 6 * radius + ++runs;
}

int days_of(const std::string& planet) {
    static int runs = 0;
    return static_cast<int>(planet.size()) + ++runs;
}

std::string first_saves() {
    using cachemodel::CacheModel;
    CacheModel<Planet>{Planet{.name = "Earth", .moons = 1}}.save();
    const auto earth = CacheModel<Planet>::get("Earth");
    CacheModel mars{Planet{.name = "Mars", .moons = 2, .inner_neighbour = earth}};
    mars.save();
    const Orbit orbit{10};
    return mars.key() + std::to_string(cached_length(orbit)) +
           std::to_string(cached_form_length(orbit)) + std::to_string(cached_days("Mars")) +
           cached_length.key_for(orbit);
}
