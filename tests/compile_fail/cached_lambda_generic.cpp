// cachemodel: a cached lambda has parameters with types.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedFunction is about a function, &f, without C variadic parameters, or a
// expect: lambda without captures, auto and mutable; for a method write CachedMethod<&C::f>
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
const CachedFunction<[](auto number) { return number * number; }> square{{.name = "square"}};
#else
const CachedFunction<[](int number) { return number * number; }> square{{.name = "square"}};
#endif

void use() { (void)square(3); }
