// cachemodel: a result may not hold a Reference.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result cannot hold a Reference, which is loaded with its model; return the
// expect: keys
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <vector>

using namespace cachemodel;

struct User {
    Key<std::string> name;
    int age = 0;
};

struct Household {
    int number = 0;
#ifdef CACHEMODEL_MISTAKE
    std::vector<Reference<User>> members;
#else
    std::vector<std::string> members;
#endif
};

Household find_household(int number);

const CachedFunction<&find_household> household;

void use() { (void)household(1); }
