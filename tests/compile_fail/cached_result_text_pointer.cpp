// cachemodel: a result may not be a pointer to text.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result that is or holds a pointer cannot be stored; return the value or
// expect: std::optional
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
const char* find_home(int number);
#else
std::string find_home(int number);
#endif

const CachedFunction<&find_home> home;

void use() { (void)home(1); }
