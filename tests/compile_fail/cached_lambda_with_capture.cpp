// cachemodel: a cached lambda has no captures.
// SPDX-License-Identifier: MIT
// expect: const CachedFunction<[factor](int number)
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

void use(int factor) {
#ifdef CACHEMODEL_MISTAKE
    const CachedFunction<[factor](int number) { return number * factor; }> product;
#else
    const CachedFunction<[](int number, int factor) { return number * factor; }> product;
    (void)product(2, factor);
#endif
}
