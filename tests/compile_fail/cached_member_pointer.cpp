// cachemodel: a chosen member may not be a pointer.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer is no part of a key; write the value, std::string, std::string_view
// expect: or std::optional
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    int number = 0;
    const std::string* address = nullptr;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::address> rooms;
#else
const CachedMethod<&Home::rooms, &Home::number> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
