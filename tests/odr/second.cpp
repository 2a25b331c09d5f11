// cachemodel: the translation unit that reads.
// SPDX-License-Identifier: MIT
#include "everything.hpp"

std::string second_reads() {
    using cachemodel::CacheModel;
    const auto mars = CacheModel<Planet>::get("Mars");
    if (mars.moons != 2 || mars.inner_neighbour->moons != 1) return "another Mars";
    // Objects of its own, which find what the shared ones have stored.
    const cachemodel::CachedMethod<&Orbit::length, &Orbit::radius> length;
    const cachemodel::CachedFormMethod<&Orbit::length> form_length;
    const cachemodel::CachedFunction<&days_of> days;
    const Orbit orbit{10};
    return CacheModel<Planet>::key_for("Mars") + std::to_string(length(orbit)) +
           std::to_string(form_length(orbit)) + std::to_string(days("Mars")) +
           length.key_for(orbit);
}
