// cachemodel: a result that can only be moved cannot be given to several callers.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result is given to several callers and read back: its type must be copyable
// expect: and have a default constructor
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Deed {
    Deed() = default;
    Deed(Deed&&) = default;
    Deed& operator=(Deed&&) = default;
};

#ifdef CACHEMODEL_MISTAKE
Deed find_home(int number);
#else
std::string find_home(int number);
#endif

const CachedFunction<&find_home> home;

void use() { (void)home(1); }
