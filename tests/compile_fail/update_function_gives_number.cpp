// cachemodel: the function of update returns nothing, or a bool.
// SPDX-License-Identifier: MIT
// expect: cachemodel: the function of update takes the model as M& and returns nothing, or false to
// expect: leave it as it is
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<std::string> name;
    Field<int> visits;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel<User>::update("bob", [](User& user) { return *user.visits += 1; });
#else
    CacheModel<User>::update("bob", [](User& user) { *user.visits += 1; });
#endif
}
