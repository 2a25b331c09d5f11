// cachemodel: a smart pointer cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer cannot be stored; write the value, std::optional or a Reference
#include <cachemodel/cachemodel.hpp>

#include <memory>
#include <optional>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<std::shared_ptr<int>> score;
#else
    Field<std::optional<int>> score;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
