// cachemodel: unless is a lambda without captures.
// SPDX-License-Identifier: MIT
// expect: bool (*)(const int
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

int find_rooms(int number);

void use(int most) {
#ifdef CACHEMODEL_MISTAKE
    const CallOptions<int> options{.unless = [most](const int& rooms) { return rooms > most; }};
#else
    const CallOptions<int> options{.unless = [](const int& rooms) { return rooms > 9; }};
#endif
    const CachedFunction<&find_rooms> rooms{options};
    (void)rooms(most);
}
