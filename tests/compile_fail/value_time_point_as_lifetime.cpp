// cachemodel: a time point is no lifetime of a value.
// SPDX-License-Identifier: MIT
// expect: time_point
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    cache.set("k", 1, std::chrono::system_clock::now() + std::chrono::minutes{1});
#else
    cache.set("k", 1, std::chrono::minutes{1});
#endif
}
