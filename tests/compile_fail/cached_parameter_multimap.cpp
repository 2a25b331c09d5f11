// cachemodel: a multimap has no order of its equal keys, and so is no part of a key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a parameter, a chosen member or cleaned data has a type that cannot be part
// expect: of a key; give it a to_cache_key(const T&) beside it
#include <cachemodel/cachemodel.hpp>

#include <map>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
int visits(const std::multimap<int, int>& days);
#else
int visits(const std::map<int, int>& days);
#endif

const CachedFunction<&visits> cached_visits;

void use() { (void)cached_visits({}); }
