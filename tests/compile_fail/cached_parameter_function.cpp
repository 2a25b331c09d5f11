// cachemodel: a parameter may not be a function object.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a parameter, a chosen member or cleaned data has a type that cannot be part
// expect: of a key; give it a to_cache_key(const T&) beside it
#include <cachemodel/cachemodel.hpp>

#include <functional>
#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
#ifdef CACHEMODEL_MISTAKE
    int rooms(const std::function<bool(int)>& wanted) const;
#else
    int rooms(int wanted) const;
#endif
};

const CachedMethod<&Home::rooms, &Home::address> rooms;

void use(const Home& home) { (void)rooms(home, {}); }
