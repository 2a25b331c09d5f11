// cachemodel: a result is read back, so it has no const members.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a struct in a result has a const member, which cannot be read back;
// expect: drop the const
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Price {
#ifdef CACHEMODEL_MISTAKE
    const int cents = 0;
#else
    int cents = 0;
#endif
};

Price find_price(int number);

const CachedFunction<&find_price> price;

void use() { (void)price(1); }
