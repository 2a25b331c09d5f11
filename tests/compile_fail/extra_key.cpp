// cachemodel: get takes no more than the keys.
// SPDX-License-Identifier: MIT
// expect: cachemodel: give all keys of the model and nothing else, in declaration order, or the
// expect: model with its keys set
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Score {
    Key<std::string> player;
    Key<int> round;
    Field<int> points;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel<Score>::get("bob", 7, "extra");
#else
    CacheModel<Score>::get("bob", 7);
#endif
}
