// cachemodel: a function is no method.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedMethod is about a pointer to a method that is not static, &C::f; for
// expect: other functions write CachedFunction<&f>
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

int rooms_of(const std::string& address);

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&rooms_of> rooms;
#else
const CachedFunction<&rooms_of> rooms;
#endif

void use() { (void)rooms("Via Roma 1"); }
