// cachemodel: touch takes the keys and a lifetime.
// SPDX-License-Identifier: MIT
// expect: cachemodel: give all keys of the model and nothing else, in declaration order, or the
// expect: model with its keys set
#include <cachemodel/cachemodel.hpp>

#include <chrono>
#include <string>

using namespace cachemodel;

struct Score {
    Key<std::string> player;
    Key<int> round;
    Field<int> points;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel<Score>::touch("bob", std::chrono::seconds{1});
#else
    CacheModel<Score>::touch("bob", 7, std::chrono::seconds{1});
#endif
}
