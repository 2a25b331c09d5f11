// cachemodel: a result may not be a C array either.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a C array can be neither in a result nor in a key; write std::array or
// expect: std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
using Prices = int[7];
#else
using Prices = std::array<int, 7>;
#endif

const Prices& find_prices(int number);

const CachedFunction<&find_prices> prices;

void use() { (void)prices(1); }
