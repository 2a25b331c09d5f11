// cachemodel: a number is no function.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a CachedFunction is about a function, &f, without C variadic parameters, or a
// expect: lambda without captures, auto and mutable; for a method write CachedMethod<&C::f>
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
const CachedFunction<42> answer;
#else
const CachedFunction<[] { return 42; }> answer{{.name = "answer"}};
#endif

void use() { (void)answer(); }
