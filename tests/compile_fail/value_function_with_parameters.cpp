// cachemodel: what makes a value takes no parameters.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the function given to get_or_set takes no parameters; let a lambda capture
// what expect: it needs
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

int square(int number);

void use(const Cache& cache, int number) {
#ifdef CACHEMODEL_MISTAKE
    cache.get_or_set("k", square);
#else
    cache.get_or_set("k", [number] { return square(number); });
#endif
}
