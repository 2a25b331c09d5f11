// cachemodel: from_miss returns nothing.
// SPDX-License-Identifier: MIT
// expect: cachemodel: write void from_miss(contexts...) or static std::vector<M>
// expect: from_miss_many(std::span<const M>, contexts...), and for a second step void
// expect: complete(contexts...); neither const nor overloaded
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<int> score;

#ifdef CACHEMODEL_MISTAKE
    bool from_miss();
#else
    void from_miss();
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{.id = 1}};
    user.save();
}
