// cachemodel: prefetch makes no duration of a bare number, as a call makes none.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes what converts to the parameter as in a call; for several
// expect: parameters, or none, a std::tuple of that
#include <cachemodel/cachemodel.hpp>

#include <chrono>
#include <vector>

using namespace cachemodel;

int ticks(std::chrono::seconds time);

const CachedFunction<&ticks> cached_ticks;

void use() {
#ifdef CACHEMODEL_MISTAKE
    (void)cached_ticks.prefetch(std::vector<int>{2, 3});
#else
    (void)cached_ticks.prefetch(std::vector<std::chrono::minutes>(2));
#endif
}
