// cachemodel: a result may not be a Reference.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result cannot hold a Reference, which is loaded with its model; return the
// expect: keys
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<std::string> name;
    int age = 0;
};

struct Home {
    int number = 0;
#ifdef CACHEMODEL_MISTAKE
    Reference<User> owner() const;
#else
    User owner() const;
#endif
    static const CachedMethod<&Home::owner, &Home::number> cached_owner;
};

const CachedMethod<&Home::owner, &Home::number> Home::cached_owner;

void use(const Home& home) { (void)Home::cached_owner(home); }
