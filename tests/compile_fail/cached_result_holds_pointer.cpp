// cachemodel: a result may not hold a pointer.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result that is or holds a pointer cannot be stored; return the value or
// expect: std::optional
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <vector>

using namespace cachemodel;

struct Owner {
    std::string name;
#ifdef CACHEMODEL_MISTAKE
    std::vector<const Owner*> children;
#else
    std::vector<std::string> children;
#endif
};

struct Home {
    int number = 0;
    Owner owner() const;
};

const CachedMethod<&Home::owner, &Home::number> owner;

void use(const Home& home) { (void)owner(home); }
