// cachemodel: a chosen method has no parameters.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a method that is chosen as part of the key is const, has no parameters and
// expect: gives a value
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Home {
    int number = 0;
    int floor(int wing) const;
    int last_floor() const;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::floor> rooms;
#else
const CachedMethod<&Home::rooms, &Home::last_floor> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
