// cachemodel: a static member function has no object: it is cached as a function.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedMethod is about a pointer to a method that is not static, &C::f; for
// expect: other functions write CachedFunction<&f>
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    static int rooms_of(const std::string& address);
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms_of> rooms;
#else
const CachedFunction<&Home::rooms_of> rooms;
#endif

void use() { (void)rooms("Via Roma 1"); }
