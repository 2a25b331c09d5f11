// cachemodel: a result may not be a unique_ptr.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result that is or holds a pointer cannot be stored; return the value or
// expect: std::optional
#include <cachemodel/cachemodel.hpp>

#include <memory>
#include <optional>
#include <string>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
std::unique_ptr<std::string> find_home(int number);
#else
std::optional<std::string> find_home(int number);
#endif

const CachedFunction<&find_home> home;

void use() { (void)home(1); }
