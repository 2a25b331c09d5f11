// cachemodel: a pointer is no value for a cache.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer cannot be cached; cache what it points to, and an std::optional
// expect: where there may be nothing
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

void use(const Cache& cache, const int* number) {
#ifdef CACHEMODEL_MISTAKE
    cache.set("k", number);
#else
    cache.set("k", *number);
#endif
}
