// cachemodel: a parameter may not be an rvalue reference.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a parameter that the function can change is no part of a key; take it by
// expect: value or by const reference
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
int rooms_of(std::string&& address);
#else
int rooms_of(const std::string& address);
#endif

const CachedFunction<&rooms_of> rooms;

void use() { (void)rooms("Via Roma 1"); }
