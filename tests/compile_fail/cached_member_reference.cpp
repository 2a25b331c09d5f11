// cachemodel: a chosen member may not be a Reference.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference is no part of a key; choose a const method that gives the keys of
// expect: its target
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<std::string> name;
    int age = 0;
};

struct Home {
    int number = 0;
    Reference<User> owner;
    std::string owner_name() const { return owner.key(); }
    int rooms() const;
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::owner> rooms;
#else
const CachedMethod<&Home::rooms, &Home::owner_name> rooms;
#endif

void use(const Home& home) { (void)rooms(home); }
