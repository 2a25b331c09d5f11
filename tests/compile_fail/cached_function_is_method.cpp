// cachemodel: a method is no function.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedFunction is about a function, &f, without C variadic parameters, or a
// expect: lambda without captures, auto and mutable; for a method write CachedMethod<&C::f>
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedFunction<&Home::rooms> rooms;
#else
const CachedMethod<&Home::rooms, &Home::address> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
