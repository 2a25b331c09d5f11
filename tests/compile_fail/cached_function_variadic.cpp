// cachemodel: a cached function has no C variadic parameters.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedFunction is about a function, &f, without C variadic parameters, or a
// expect: lambda without captures, auto and mutable; for a method write CachedMethod<&C::f>
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
int sum_of(int first, ...);
#else
int sum_of(int first, int second);
#endif

const CachedFunction<&sum_of> sum;

void use() { (void)sum(1, 2); }
