// cachemodel: prefetch of a method takes objects of its class.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes a range of objects of the method's class
#include <cachemodel/cachemodel.hpp>

#include <vector>

using namespace cachemodel;

struct Home {
    int id = 0;
    int rooms() const;
};

const CachedMethod<&Home::rooms, &Home::id> rooms;

void use() {
#ifdef CACHEMODEL_MISTAKE
    (void)rooms.prefetch(std::vector<int>{1, 2});
#else
    (void)rooms.prefetch(std::vector<Home>{{.id = 1}, {.id = 2}});
#endif
}
