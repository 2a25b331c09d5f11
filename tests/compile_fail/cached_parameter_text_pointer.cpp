// cachemodel: a parameter may not be a pointer to text.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer is no part of a key; write the value, std::string, std::string_view
// expect: or std::optional
#include <cachemodel/cachemodel.hpp>

#include <string_view>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
int rooms_of(const char* address);
#else
int rooms_of(std::string_view address);
#endif

const CachedFunction<&rooms_of> rooms;

void use() { (void)rooms("Via Roma 1"); }
