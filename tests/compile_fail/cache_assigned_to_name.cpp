// cachemodel: a named cache is configured; what the registry gives is a handle of its own.
// SPDX-License-Identifier: MIT
// expect: operator=
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    caches()["pages"] = cache;
#else
    caches().configure("pages", cache);
#endif
}
