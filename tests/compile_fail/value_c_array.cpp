// cachemodel: a C array is no value for a cache.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a C array cannot be cached; use std::array
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    const int numbers[] = {1, 2, 3};
#else
    const std::array numbers{1, 2, 3};
#endif
    cache.set("k", numbers);
}
