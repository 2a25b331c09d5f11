// cachemodel: a chosen method may not give a pointer.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer is no part of a key; write the value, std::string, std::string_view
// expect: or std::optional
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
    int number = 0;
    const char* address_text() const;
    std::string address() const;
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::address_text> rooms;
#else
const CachedMethod<&Home::rooms, &Home::address> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
