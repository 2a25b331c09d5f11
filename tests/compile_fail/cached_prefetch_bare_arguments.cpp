// cachemodel: prefetch of a function with several parameters takes tuples of them.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes what converts to the parameter as in a call; for several
// expect: parameters, or none, a std::tuple of that
#include <cachemodel/cachemodel.hpp>

#include <tuple>
#include <vector>

using namespace cachemodel;

int sum(int a, int b);

const CachedFunction<&sum> cached_sum;

void use() {
#ifdef CACHEMODEL_MISTAKE
    (void)cached_sum.prefetch(std::vector<int>{1, 2});
#else
    (void)cached_sum.prefetch(std::vector<std::tuple<int, int>>{{1, 2}});
#endif
}
