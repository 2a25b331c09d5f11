// cachemodel: a model may not be final.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model is not final; CacheModel derives from it
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

#ifdef CACHEMODEL_MISTAKE
struct User final {
#else
struct User {
#endif
    Key<int> id;
};

void use() { CacheModel<User>::get(1); }
