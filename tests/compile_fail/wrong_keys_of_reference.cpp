// cachemodel: Reference::to takes the keys of its target.
// SPDX-License-Identifier: MIT
// expect: cachemodel: give all keys of the model and nothing else, in declaration order, or the
// expect: model with its keys set
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<std::string> username;
    Reference<User> mother;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    const auto mother = Reference<User>::to("eve", 1);
#else
    const auto mother = Reference<User>::to("eve");
#endif
    User{.username = "bob", .mother = mother};
}
