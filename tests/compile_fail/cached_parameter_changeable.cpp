// cachemodel: a parameter may not be a reference to what the method can change.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a parameter that the function can change is no part of a key; take it by
// expect: value or by const reference
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
#ifdef CACHEMODEL_MISTAKE
    int rooms(int& floor) const;
#else
    int rooms(const int& floor) const;
#endif
};

const CachedMethod<&Home::rooms, &Home::address> rooms;

void use(const Home& home) {
    int floor = 1;
    (void)rooms(home, floor);
}
