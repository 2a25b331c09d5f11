// cachemodel: a parameter may not be a pointer.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer is no part of a key; write the value, std::string, std::string_view
// expect: or std::optional
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
#ifdef CACHEMODEL_MISTAKE
    int rooms(const int* floor) const;
#else
    int rooms(int floor) const;
#endif
};

const CachedMethod<&Home::rooms, &Home::address> rooms;

void use(const Home& home) { (void)rooms(home, {}); }
