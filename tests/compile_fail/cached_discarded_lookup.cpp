// cachemodel: what peek answers must be looked at.
// SPDX-License-Identifier: MIT
// expect: nodiscard
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

int find_rooms(int number);

const CachedFunction<&find_rooms> rooms;

#pragma GCC diagnostic error "-Wunused-result"

void use() {
#ifdef CACHEMODEL_MISTAKE
    rooms.peek(1);
#else
    rooms.peek(1).found();
#endif
}
