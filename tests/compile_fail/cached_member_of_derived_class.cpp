// cachemodel: a chosen member is not one of a derived class.
// SPDX-License-Identifier: MIT
// expect: cachemodel: after the method come pointers to data members, or to const methods, of its
// expect: class or of a base of it, &C::a; static ones do not tell objects apart
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Building {
    int number = 0;
    int rooms() const;
};

struct Tower : Building {
    int floors = 0;
    int lifts() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Tower::rooms, &Tower::floors> rooms;
#else
const CachedMethod<&Tower::lifts, &Tower::floors, &Tower::number> rooms;
#endif

void use(const Tower& tower) { (void)rooms(tower); }
