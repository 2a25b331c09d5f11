// cachemodel: the translation unit that writes.
// SPDX-License-Identifier: MIT
#include "everything.hpp"

std::string first_saves() {
    using cachemodel::CacheModel;
    CacheModel<Planet>{Planet{.name = "Earth", .moons = 1}}.save();
    const auto earth = CacheModel<Planet>::get("Earth");
    CacheModel mars{Planet{.name = "Mars", .moons = 2, .inner_neighbour = earth}};
    mars.save();
    return mars.key();
}
