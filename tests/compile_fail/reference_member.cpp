// cachemodel: a C++ reference cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model can be made empty and assigned to; no member is const or a
// expect: reference, and one without a default value is written as std::optional
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    int& score;
#else
    int score;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel<User>::find(1);
}
