// cachemodel: a result may not be a span.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result that is or holds a view does not own what it shows; return
// expect: std::string or std::vector
#include <cachemodel/cachemodel.hpp>

#include <span>
#include <vector>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
std::span<const int> find_home(int number);
#else
std::vector<int> find_home(int number);
#endif

const CachedFunction<&find_home> home;

void use() { (void)home(1); }
