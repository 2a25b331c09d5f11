// cachemodel: prefetch of a method takes a range of objects.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes a range of objects, such as a std::vector, and then the
// expect: arguments that are the same for all
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Home {
    int id = 0;
    int rooms() const;
};

const CachedMethod<&Home::rooms, &Home::id> rooms;

void use(const Home& home) {
#ifdef CACHEMODEL_MISTAKE
    (void)rooms.prefetch(home);
#else
    (void)rooms.prefetch({home});
#endif
}
