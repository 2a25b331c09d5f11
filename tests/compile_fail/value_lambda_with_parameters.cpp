// cachemodel: a lambda that makes a value takes no parameters, of whatever type.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the function given to get_or_set takes no parameters; let a lambda capture
// what expect: it needs
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

void use(const Cache& cache, int number) {
#ifdef CACHEMODEL_MISTAKE
    cache.get_or_set("k", [number](const auto& other) { return number + other; });
#else
    cache.get_or_set("k", [number] { return number + 1; });
#endif
}
