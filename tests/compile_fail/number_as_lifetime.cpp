// cachemodel: a number is no lifetime: its unit is missing.
// SPDX-License-Identifier: MIT
// expect: cachemodel: lifetimes have units: 60s or std::chrono::seconds{60}
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<bool> active;
    Field<int> score;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel{User{.id = 1}}.save(60);
#else
    CacheModel{User{.id = 1}}.save(std::chrono::seconds{60});
#endif
}
