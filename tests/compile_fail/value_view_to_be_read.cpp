// cachemodel: a view cannot be read from a cache.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a view cannot be read from a cache; ask for std::string or std::vector
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <string_view>

using namespace cachemodel;

bool use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    return cache.get<std::string_view>("k").found();
#else
    return cache.get<std::string>("k").found();
#endif
}
