// cachemodel: a time point is no lifetime.
// SPDX-License-Identifier: MIT
// expect: time_point
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
    CacheModel{User{.id = 1}}.save(std::chrono::system_clock::now());
#else
    CacheModel{User{.id = 1}}.save(std::chrono::minutes{1});
#endif
}
