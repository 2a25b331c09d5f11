// cachemodel: a chosen member may not be a C array.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a C array can be neither in a result nor in a key; write std::array or
// expect: std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

struct Home {
    int number = 0;
    int floors[3] = {};
    std::array<int, 3> wings = {};
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::floors> rooms;
#else
const CachedMethod<&Home::rooms, &Home::wings> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
