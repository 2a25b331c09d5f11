// cachemodel: the translation unit that reads.
// SPDX-License-Identifier: MIT
#include "everything.hpp"

std::string second_reads() {
    using cachemodel::CacheModel;
    const auto mars = CacheModel<Planet>::get("Mars");
    if (mars.moons != 2 || mars.inner_neighbour->moons != 1) return "another Mars";
    return CacheModel<Planet>::key_for("Mars");
}
