// cachemodel: a function object is no result.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the type of the result cannot be stored; make it a plain struct, include
// expect: <cachemodel/json.hpp> if it has to_json and from_json, or return Binary<T> if cereal
// expect: knows it
#include <cachemodel/cachemodel.hpp>

#include <functional>

using namespace cachemodel;

struct Home {
    int number = 0;
#ifdef CACHEMODEL_MISTAKE
    std::function<int()> owner() const;
#else
    int owner() const;
#endif
    static const CachedMethod<&Home::owner, &Home::number> cached_owner;
};

const CachedMethod<&Home::owner, &Home::number> Home::cached_owner;

void use(const Home& home) { (void)Home::cached_owner(home); }
