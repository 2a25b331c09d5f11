// cachemodel: what makes a value must return one.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the function given to get_or_set returns nothing
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    cache.get_or_set("k", [] {});
#else
    cache.get_or_set("k", [] { return 1; });
#endif
}
