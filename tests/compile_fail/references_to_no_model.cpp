// cachemodel: a list of references points to models.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference points to a model: a plain struct with a Key
#include <cachemodel/cachemodel.hpp>

#include <vector>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    std::vector<Reference<int>> friends;
#else
    std::vector<int> friends;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
