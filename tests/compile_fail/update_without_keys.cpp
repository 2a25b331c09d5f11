// cachemodel: update takes the keys first.
// SPDX-License-Identifier: MIT
// expect: cachemodel: update takes the keys and a function that changes the model
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<std::string> name;
    Field<int> visits;
};

void use() {
    const Models<User> users{Cache::open("memory://")};
#ifdef CACHEMODEL_MISTAKE
    users.update([](User& user) { *user.visits += 1; });
#else
    users.update("bob", [](User& user) { *user.visits += 1; });
#endif
}
