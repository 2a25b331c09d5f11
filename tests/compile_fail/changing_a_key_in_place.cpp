// cachemodel: a key changes by assignment only.
// SPDX-License-Identifier: MIT
// expect: const
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<std::string> id;
    Field<bool> active;
    Field<int> score;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    User user{.id = "bob"};
    user.id->clear();
#else
    User user{.id = "bob"};
    user.id = "";
#endif
}
