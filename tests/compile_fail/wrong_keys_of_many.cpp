// cachemodel: get_many takes the keys of each model.
// SPDX-License-Identifier: MIT
// expect: cachemodel: give all keys of the model and nothing else, in declaration order, or the
// expect: model with its keys set
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <vector>

using namespace cachemodel;

struct Score {
    Key<std::string> player;
    Key<int> round;
    Field<int> points;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel<Score>::get_many(std::vector<std::string>{"bob"});
#else
    CacheModel<Score>::get_many(std::vector<Score>{{.player = "bob", .round = 7}}).front().found();
#endif
}
