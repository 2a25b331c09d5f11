// cachemodel: nlohmann::json needs <cachemodel/json.hpp>.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member's type cannot be stored; make it a plain struct, include
// expect: <cachemodel/json.hpp> if it has to_json and from_json, or write Binary<T> if cereal
// expect: knows it
#include <cachemodel/cachemodel.hpp>
#ifndef CACHEMODEL_MISTAKE
#include <cachemodel/json.hpp>
#endif

#include <nlohmann/json.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<nlohmann::json> settings;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
