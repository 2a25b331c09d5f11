// cachemodel: a result may not be a long double.
// SPDX-License-Identifier: MIT
// expect: cachemodel: long double differs between machines and can be neither in a result nor in a
// expect: key; write double
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
long double find_home(int number);
#else
double find_home(int number);
#endif

const CachedFunction<&find_home> home;

void use() { (void)home(1); }
