// cachemodel: counters count whole numbers.
// SPDX-License-Identifier: MIT
// expect: counters are integers
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    cache.incr("n", 1.5);
#else
    cache.incr("n", 2);
#endif
}
