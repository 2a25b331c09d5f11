// cachemodel: a chosen member may not be static.
// SPDX-License-Identifier: MIT
// expect: cachemodel: after the method come pointers to data members, or to const methods, of its
// expect: class or of a base of it, &C::a; static ones do not tell objects apart
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Home {
    int number = 0;
    static inline int count = 0;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::count> rooms;
#else
const CachedMethod<&Home::rooms, &Home::number> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
