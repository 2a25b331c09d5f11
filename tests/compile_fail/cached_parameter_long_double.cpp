// cachemodel: a parameter may not be a long double.
// SPDX-License-Identifier: MIT
// expect: cachemodel: long double differs between machines and can be neither in a result nor in a
// expect: key; write double
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
int rooms_of(long double area);
#else
int rooms_of(double area);
#endif

const CachedFunction<&rooms_of> rooms;

void use() { (void)rooms(1.5); }
