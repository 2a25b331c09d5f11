// cachemodel: a result may not be a time of a clock that starts anew.
// SPDX-License-Identifier: MIT
// expect: cachemodel: only time points of std::chrono::system_clock mean anything to another
// expect: process; write one of these or a duration
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
std::chrono::steady_clock::time_point find_home(int number);
#else
std::chrono::system_clock::time_point find_home(int number);
#endif

const CachedFunction<&find_home> home;

void use() { (void)home(1); }
