// cachemodel: a result is of a type that is defined.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the type of the result, of a parameter or of a chosen member is only declared
// expect: here; define it before the cached function
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Owner;

struct Home {
    int number = 0;
    Owner owner() const;
};

#ifndef CACHEMODEL_MISTAKE
struct Owner {
    int age = 0;
};
#endif

const CachedMethod<&Home::owner, &Home::number> owner;
