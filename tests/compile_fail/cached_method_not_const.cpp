// cachemodel: a cached method is const.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a cached method does not run where its result is in the cache; declare it
// expect: const, without volatile, && and C variadic parameters
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
#ifdef CACHEMODEL_MISTAKE
    int rooms();
#else
    int rooms() const;
#endif
};

const CachedMethod<&Home::rooms, &Home::address> rooms;

void use(const Home& home) { (void)rooms(home); }
