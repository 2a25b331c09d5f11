// cachemodel: a result may not hold a C array.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a C array can be neither in a result nor in a key; write std::array or
// expect: std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

struct Prices {
#ifdef CACHEMODEL_MISTAKE
    int by_day[7];
#else
    std::array<int, 7> by_day;
#endif
};

struct Home {
    int number = 0;
    Prices prices() const;
};

const CachedMethod<&Home::prices, &Home::number> prices;

void use(const Home& home) { (void)prices(home); }
