// cachemodel: a parameter may not hold a C array.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a C array can be neither in a result nor in a key; write std::array or
// expect: std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

struct Floors {
    int numbers[3];
};

#ifdef CACHEMODEL_MISTAKE
int rooms_of(const Floors& floors);
#else
int rooms_of(const std::array<int, 3>& floors);
#endif

const CachedFunction<&rooms_of> rooms;

void use() { (void)rooms({}); }
