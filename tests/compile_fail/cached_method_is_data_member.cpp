// cachemodel: a data member is no method.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedMethod is about a pointer to a method that is not static, &C::f; for
// expect: other functions write CachedFunction<&f>
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::address> rooms;
#else
const CachedMethod<&Home::rooms, &Home::address> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
