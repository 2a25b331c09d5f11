// cachemodel: a chosen method gives a value.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a method that is chosen as part of the key is const, has no parameters and
// expect: gives a value
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Home {
    int number = 0;
    void count_floors() const;
    int last_floor() const;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::count_floors> rooms;
#else
const CachedMethod<&Home::rooms, &Home::last_floor> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
