// cachemodel: a lookup has three states and is no truth value.
// SPDX-License-Identifier: MIT
// expect: Lookup<cachemodel::CacheModel<User>
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<bool> active;
    Field<int> score;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    if (CacheModel<User>::find(1)) return;
#else
    if (CacheModel<User>::find(1).found()) return;
#endif
}
