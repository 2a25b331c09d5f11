// cachemodel: a number is no lifetime: its unit is missing.
// SPDX-License-Identifier: MIT
// expect: cachemodel: lifetimes have units: 60s or std::chrono::seconds{60}
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;

int find_rooms(int number);

#ifdef CACHEMODEL_MISTAKE
const CallOptions<int> options{.expires = 60};
#else
const CallOptions<int> options{.expires = std::chrono::seconds{60}};
#endif

const CachedFunction<&find_rooms> rooms{options};

void use() { (void)rooms(1); }
