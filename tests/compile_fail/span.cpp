// cachemodel: a span cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a view does not own what it shows; write std::string or std::vector
#include <cachemodel/cachemodel.hpp>

#include <span>
#include <vector>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<std::span<const int>> scores;
#else
    Field<std::vector<int>> scores;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
