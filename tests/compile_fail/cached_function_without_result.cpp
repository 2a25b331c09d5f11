// cachemodel: a function without a result has nothing to be cached.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a method or function that returns void has nothing to be cached; return the
// expect: value that it computes
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
void warm_up(int degrees);
#else
int warm_up(int degrees);
#endif

const CachedFunction<&warm_up> warm;

void use() { (void)warm(20); }
