// cachemodel: prefetch of a function takes a range.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes a range with the arguments of each call, such as a std::vector
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

int square(int number);

const CachedFunction<&square> cached_square;

void use() {
#ifdef CACHEMODEL_MISTAKE
    (void)cached_square.prefetch(3);
#else
    (void)cached_square.prefetch({3});
#endif
}
