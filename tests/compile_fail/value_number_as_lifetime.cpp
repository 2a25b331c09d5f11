// cachemodel: a number is no lifetime: it has no unit.
// SPDX-License-Identifier: MIT
// expect: cachemodel: lifetimes have units: 60s or std::chrono::seconds{60}
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    cache.set("k", 1, 60);
#else
    cache.set("k", 1, std::chrono::seconds{60});
#endif
}
