// cachemodel: prefetch converts only what a call would convert.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes what converts to the parameter as in a call; for several
// expect: parameters, or none, a std::tuple of that
#include <cachemodel/cachemodel.hpp>

#include <vector>

using namespace cachemodel;

int total(const std::vector<int>& numbers);

const CachedFunction<&total> cached_total;

void use() {
#ifdef CACHEMODEL_MISTAKE
    (void)cached_total.prefetch(std::vector<int>{2, 3});
#else
    (void)cached_total.prefetch(std::vector<std::vector<int>>{{2, 3}});
#endif
}
