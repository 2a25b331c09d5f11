// cachemodel: a default that is null does not say what is to be read.
// SPDX-License-Identifier: MIT
// expect: cachemodel: null says not which type to read: give get_or an empty std::optional<T>
#include <cachemodel/cachemodel.hpp>

#include <optional>
#include <string>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    (void)cache.get_or("k", nullptr);
#else
    (void)cache.get_or("k", std::optional<std::string>{});
#endif
}
