// cachemodel: a parameter is of a type that is defined.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the type of the result, of a parameter or of a chosen member is only declared
// expect: here; define it before the cached function
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Address;
int rooms_of(const Address& address);

#ifndef CACHEMODEL_MISTAKE
struct Address {
    int number = 0;
};
#endif

const CachedFunction<&rooms_of> rooms;

void use(const Address& address) { (void)rooms(address); }
